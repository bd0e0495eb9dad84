"""Plays a strategy for some hours, and counts the logins of the owners."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from bench.siege.scene import Siege
from bench.siege.strategies import MOVE, Strategy
from services.public_auth.domain.budget import Budgets
from services.public_auth.store.issue_challenge import IssuePolicy
from shared.db.role_settings import PUBLIC_SETTINGS
from tests.support.database import Database

HOME = "192.0.2.1"
_HOUR, _DAY = timedelta(hours=1), timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a siege lasts, how often the owners try, and how often the known owner really logs in (None: never)."""

    hours: int = 26
    moves_between_trials: int = 5
    moves_between_logins: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Shares of the trials at which an owner got in, and the most that any window of a day or an hour held."""

    known: float
    first_time: float
    first_time_plus: float
    guesses_a_day: int
    mails_an_hour: int
    logins: float | None
    """Of the logins that were not undone."""


async def besiege(
    connection: asyncpg.Connection, strategy: Strategy, networks: int, plan: Plan, budgets: Budgets | None = None
) -> Outcome:
    """The address is known from `HOME`; the siege begins a day after that login."""
    siege = Siege(connection, networks, IssuePolicy(budgets or Budgets(), new_address_mail_limit=None))
    await siege.set_clock(-_DAY)
    assert await siege.log_in(HOME)
    siege.mails.clear()
    trials: list[tuple[bool, bool, bool]] = []
    logins: list[bool] = []
    for siege.move in range(plan.hours * _HOUR // MOVE):
        await siege.set_clock(siege.move * MOVE)
        await strategy(siege)
        if siege.move % plan.moves_between_trials == 0:
            trials.append(await _trial(siege))
        if plan.moves_between_logins and siege.move % plan.moves_between_logins == 0:
            logins.append(await siege.log_in(HOME))
    known, first_time, first_time_plus = (sum(column) / len(trials) for column in zip(*trials, strict=True))
    return Outcome(
        known, first_time, first_time_plus, _most_within(siege.guesses, _DAY), _most_within(siege.mails, _HOUR),
        sum(logins) / len(logins) if logins else None,
    )  # fmt: skip


async def _trial(siege: Siege) -> tuple[bool, bool, bool]:
    """A network that nobody has seen is another one each time, so that its own share never counts."""
    strange = f"203.0.{siege.move // 250}.{siege.move % 250 + 1}"
    return (
        await siege.could_log_in(HOME),
        await siege.could_log_in(strange),
        await siege.could_log_in(strange, f"{siege.local_part}+shop@example.com"),
    )


def _most_within(instants: Sequence[timedelta], window: timedelta) -> int:
    """The most of the sorted instants in any window that is open at one end."""
    most, start = 0, 0
    for end, instant in enumerate(instants):
        while instant - instants[start] >= window:
            start += 1
        most = max(most, end - start + 1)
    return most


@asynccontextmanager
async def besieged(database: Database) -> AsyncGenerator[asyncpg.Connection]:
    """A connection as the public process has them."""
    settings = {"search_path": "authsession", "synchronous_commit": "off", **PUBLIC_SETTINGS}
    # As the owner: the public role opens sessions of the present only, and a siege plays hours in seconds.
    connection = await asyncpg.connect(database.owner_dsn, ssl=False, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()
