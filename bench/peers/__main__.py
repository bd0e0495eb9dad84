"""`python -m bench.peers`: installs the peers, loads and probes all three systems, writes docs/evidence/compared.md."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from authsession.embedded.postgres import EmbeddedPostgres
from bench.peers.authsession import Authsession
from bench.peers.better_auth import BetterAuth
from bench.peers.comparison import Case, Plan, run_once
from bench.peers.django_allauth import DjangoAllauth
from bench.peers.installation import install_peers
from bench.peers.machine import facts
from bench.peers.mail_sink import MailSink
from bench.peers.measurement import Measurement
from bench.peers.page import measured_part, write_page
from bench.peers.probes import probe
from bench.peers.system import System
from tests.support.database import create_template
from tests.support.servers import temporary_postgres

SYSTEMS: tuple[System, ...] = (Authsession(), Authsession(by_hook=True), BetterAuth(), DjangoAllauth())


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything; `pairs` of send times."""

    plan: Plan
    pairs: int


FULL = Scale(Plan(warm_up=5, seconds=15, runs=3), pairs=500)
SHORT = Scale(Plan(warm_up=1, seconds=3, runs=1), pairs=50)


def compare(
    systems: Sequence[System], server: EmbeddedPostgres, sink: MailSink, plan: Plan
) -> dict[Case, list[Measurement]]:
    """Every system, run after run, so that a slow hour of the machine falls on all of them."""
    results: dict[Case, list[Measurement]] = {}
    for run in range(plan.runs):
        for system in systems:
            print(f"run {run + 1} of {plan.runs}: {system.name}", file=sys.stderr)
            for case, measurement in run_once(system, server, sink, plan).items():
                print(f"  {case}: {measurement}", file=sys.stderr)
                results.setdefault(case, []).append(measurement)
    return results


def probe_all(
    systems: Sequence[System], server: EmbeddedPostgres, sink: MailSink, pairs: int
) -> dict[str, dict[str, str]]:
    results: dict[str, dict[str, str]] = {}
    for system in systems:
        print(f"probes: {system.name}", file=sys.stderr)
        results[system.name] = probe(system, server, sink, pairs)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one short run, printed only: for a look")
    names = [system.name for system in SYSTEMS]
    parser.add_argument("--system", action="append", choices=names, help="only this one, printed only; may be repeated")
    parser.add_argument("--only", choices=("speed", "probes"), help="half of it, printed only")
    arguments = parser.parse_args()
    systems = [system for system in SYSTEMS if system.name in (arguments.system or names)]
    scale = SHORT if arguments.short else FULL
    plan = scale.plan
    install_peers({system.name for system in systems})
    quality = f"medians of {plan.runs} run(s), windows of {plan.seconds:.0f} s after {plan.warm_up:.0f} s"
    header = facts("python -m bench.peers", systems, quality)
    sink = MailSink()
    with temporary_postgres(durable=True) as server:
        create_template(server)
        probes = probe_all(systems, server, sink, scale.pairs) if arguments.only != "speed" else {}
        speed = compare(systems, server, sink, plan) if arguments.only != "probes" else {}
    sink.close()
    print(measured_part(header, speed, probes))
    if not (arguments.short or arguments.system or arguments.only):
        write_page(header, speed, probes)


if __name__ == "__main__":
    sys.exit(main())
