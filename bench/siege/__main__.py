"""`python -m bench.siege` prints what hostile networks can do to one address (SPEC §3.5, §3.6), as a Markdown table.

It plays days in minutes: the real units of work on a real Postgres, with a clock of its own. After the moves of the
networks, three owners try to log in, and each trial is rolled back. The first comes from a known network, the second
from a new network, and the third from a new network with a `+` in the address.
"""

import argparse
import asyncio
import sys

from bench.siege.run import Outcome, Plan, besiege, besieged
from bench.siege.strategies import MOVES_AN_HOUR, STRATEGIES
from tests.support.database import Database, cloned_database, create_template
from tests.support.servers import temporary_postgres

COLUMNS = (
    "hostile networks", "strategy", "known owner logs in", "known owner", "first-time owner", "first-time, `+` address",
    "guesses a day", "mails an hour",
)  # fmt: skip
OWNERS = {"never": None, "every 30 min": MOVES_AN_HOUR // 2, "every 6 min": MOVES_AN_HOUR // 10}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.siege", description=__doc__)
    parser.add_argument("--hours", type=int, default=26)
    parser.add_argument("--networks", type=int, nargs="*", default=list(range(9)))
    parser.add_argument("--strategies", nargs="*", choices=tuple(STRATEGIES), default=list(STRATEGIES))
    parser.add_argument("--owner", nargs="*", choices=tuple(OWNERS), default=["never"], help="how often they log in")
    arguments = parser.parse_args()
    with temporary_postgres(durable=True) as server:
        create_template(server)
        with cloned_database(server) as database:
            asyncio.run(_table(database, arguments))


async def _table(database: Database, arguments: argparse.Namespace) -> None:
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    async with besieged(database) as connection:
        for networks in arguments.networks:
            for name in arguments.strategies if networks else ["steady"]:
                for owner in arguments.owner:
                    plan = Plan(arguments.hours, moves_between_logins=OWNERS[owner])
                    print(_line(networks, name, owner, await besiege(connection, STRATEGIES[name], networks, plan)))
                    sys.stdout.flush()


def _line(networks: int, name: str, owner: str, outcome: Outcome) -> str:
    logs_in = owner if outcome.logins is None else f"{owner}: {outcome.logins:.1%}"
    return (
        f"| {networks} | {name} | {logs_in} | {outcome.known:.1%} | {outcome.first_time:.1%} | "
        f"{outcome.first_time_plus:.1%} | {outcome.guesses_a_day} | {outcome.mails_an_hour} |"
    )


if __name__ == "__main__":
    sys.exit(main())
