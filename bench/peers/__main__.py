"""`python -m bench.peers`: installs the peers, loads all three systems, writes docs/compared.md."""

import argparse
import sys

from bench.peers.authsession import Authsession
from bench.peers.better_auth import BetterAuth
from bench.peers.comparison import Case, Plan, run_once
from bench.peers.django_allauth import DjangoAllauth
from bench.peers.installation import install_peers
from bench.peers.mail_sink import MailSink
from bench.peers.measurement import Measurement
from bench.peers.system import System
from tests.support.database import create_template
from tests.support.servers import temporary_postgres

SYSTEMS: tuple[System, ...] = (Authsession(), BetterAuth(), DjangoAllauth())


def compare(systems: list[System], plan: Plan) -> dict[Case, list[Measurement]]:
    """Every system, run after run, so that a slow hour of the machine falls on all of them."""
    results: dict[Case, list[Measurement]] = {}
    sink = MailSink()
    with temporary_postgres() as server:
        create_template(server)
        for _ in range(plan.runs):
            for system in systems:
                for case, measurement in run_once(system, server, sink, plan).items():
                    print(case, measurement, flush=True)
                    results.setdefault(case, []).append(measurement)
    sink.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.peers", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one short run: for a look, not for a page")
    parser.add_argument("--system", action="append", choices=[system.name for system in SYSTEMS])
    arguments = parser.parse_args()
    systems = [system for system in SYSTEMS if arguments.system is None or system.name in arguments.system]
    plan = Plan(1, 3, 1) if arguments.short else Plan(3, 12, 3)
    install_peers()
    compare(systems, plan)


if __name__ == "__main__":
    sys.exit(main())
