"""The promises of README and SPEC §3.6, against hostile networks for two hours of a clock of their own.

`python -m bench.siege` plays more of them, for longer; its table is in docs/decisions/0006-guess-budget.md.
"""

import asyncio

import pytest

from bench.siege.run import Outcome, Plan, besiege, besieged
from bench.siege.strategies import MOVES_AN_HOUR, STRATEGIES
from services.public_auth.domain.budget import Budgets
from tests.support.database import Database

TWO_HOURS = Plan(hours=2)
WITH_LOGINS = Plan(hours=2, moves_between_logins=MOVES_AN_HOUR // 6)
MAILS_OF_A_LOGIN = 2
"""The mails of one code that logged somebody in: the first, and one more."""


def besiege_now(database: Database, strategy: str, networks: int, plan: Plan) -> Outcome:
    async def run() -> Outcome:
        async with besieged(database) as connection:
            return await besiege(connection, STRATEGIES[strategy], networks, plan)

    return asyncio.run(run())


@pytest.mark.parametrize("strategy", ["steady", "guesses", "plus burst", "tunnels"])
def test_four_hostile_networks_keep_nobody_out(database: Database, strategy: str) -> None:
    outcome = besiege_now(database, strategy, 4, TWO_HOURS)

    assert outcome.known == outcome.first_time == outcome.first_time_plus == 1
    assert outcome.mails_an_hour <= Budgets().mails_an_hour.total
    assert outcome.guesses_a_day <= Budgets().wrong_codes.total


@pytest.mark.parametrize("strategy", ["guesses", "plus burst"])
def test_eight_hostile_networks_never_keep_a_known_owner_out(database: Database, strategy: str) -> None:
    outcome = besiege_now(database, strategy, 8, TWO_HOURS)

    assert outcome.known == 1
    assert outcome.mails_an_hour <= Budgets().mails_an_hour.total


def test_an_owner_who_logs_in_all_the_time_gives_strangers_no_further_guess_or_mail(database: Database) -> None:
    outcome = besiege_now(database, "half of each", 8, WITH_LOGINS)

    assert outcome.logins == outcome.known == 1
    assert outcome.guesses_a_day <= Budgets().wrong_codes.total - Budgets().wrong_codes.kept_for_known
    assert outcome.mails_an_hour <= Budgets().mails_an_hour.total + 6 * MAILS_OF_A_LOGIN
