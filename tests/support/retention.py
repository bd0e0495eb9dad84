"""Retention's workers on a world, rows for them to remove, and counts of the rows left."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from services.internal_admin.retention.worker import BATCH, PAGE, AgedRows, UnusedEmails
from services.public_auth.store.confirm_challenge import SessionMade
from tests.support.builders import email_address
from tests.support.database import Database
from tests.support.public_flow import PublicFlow
from tests.support.world import World


class Sweep:
    """Runs both workers of retention until they have nothing to do."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self) -> None:
        self._world.call(self.all)

    async def all(self) -> None:
        await _exhaust(AgedRows(self._world.internal).step, BATCH)
        await _exhaust(UnusedEmails(self._world.internal).step, PAGE)


async def _exhaust(step: Callable[[], Awaitable[int]], batch: int) -> None:
    while await step() >= batch:
        pass


def count(database: Database, table: str, condition: str, *arguments: Any) -> int:
    return database.execute(f"select count(*) from {table} where {condition}", *arguments)[0][0]


def rows_of(database: Database, email: str) -> dict[str, int]:
    """The number of rows of each kind that an address has."""
    tables = ("login_codes", "challenges", "mail_deliveries", "known_networks", "emails")
    condition = "email_id = (select email_id from emails where folded = $1)"
    return {table: count(database, table, condition, email) for table in tables}


def rows_of_many(database: Database, emails: list[str]) -> dict[str, dict[str, int]]:
    tables = ("login_codes", "challenges", "mail_deliveries", "known_networks")
    columns = ", ".join(f"(select count(*) from {t} where {t}.email_id = e.email_id) as {t}" for t in tables)
    rows = database.execute(f"select folded, {columns}, 1 as emails from emails e where folded = any ($1)", emails)
    return {row["folded"]: {name: row[name] for name in (*tables, "emails")} for row in rows}


def log_in(flow: PublicFlow, email: str) -> SessionMade:
    challenge_id = flow.send(email)
    made = flow.confirm(challenge_id, flow.code(challenge_id))
    assert isinstance(made, SessionMade)
    return made


def unused_addresses(world: World, number: int) -> list[str]:
    """Stores addresses without any other row, old enough to be removed. Each has version 0, as after one send."""
    emails = [email_address() for _ in range(number)]
    sql = "insert into emails (folded, created_at) select unnest($1::text[]), clock_now() - interval '300 days'"
    world.database.execute(sql, emails)
    return emails


def store_old_sends(database: Database, number: int) -> list[UUID]:
    """Stores sends of 300 days ago to addresses that never confirmed. Returns the ids of their codes."""
    rows = database.execute(
        """
        with address as (
            insert into emails (folded, created_at)
            select gen_random_uuid() || '@example.com', clock_now() - interval '300 days'
              from generate_series(1, $1::integer)
            returning email_id, folded, created_at as born, gen_random_uuid() as code
        ), codes as (
            insert into login_codes (login_code_id, email_id, email, key_id, salt, mac, created_at, expires_at)
            select code, email_id, folded, 'k', $2::bytea, $2 || $2, born, born + interval '10 minutes' from address
        ), handles as (
            insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language,
                                    state, created_at, expires_at)
            select 'challenge-' || code, email_id, folded, code, $2, 'en', 'sent', born, born + interval '10 minutes'
              from address
        ), deliveries as (
            insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, locale, network_tag,
                                         to_new_address, state, queued_at, next_attempt_at, finished_at)
            select code, 'challenge-' || code, code, email_id, folded, 'en', $2, true, 'sent', born, born, born
              from address
        )
        select code from address
        """,
        number,
        bytes(16),
    )
    return [row["code"] for row in rows]
