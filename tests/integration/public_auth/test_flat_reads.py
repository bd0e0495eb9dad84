"""The reads of a send and a confirm do not grow with the past of an address, which any stranger can lengthen."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from shared.db.role_settings import PUBLIC_SETTINGS
from shared.io import queries
from tests.support.database import Database

PAST = 10_000
MOST_PAGES = 80
"""The bound in pages of 8 KiB. A read of an address without a past takes about 15."""
EMAIL = "long-past@example.com"
TAG = bytes(16)
SQL = queries.load("services.public_auth.store")
READ_FOR_ISSUE = {
    "folded": [EMAIL],
    "identity": [EMAIL],
    "mailbox": [EMAIL],
    "network_tags": [TAG],
    "tags_per_send": 1,
    "new_address_mail_limit": 300,
    "new_address_mail_window": timedelta(hours=1),
    "live_challenges_per_network": 2,
    "users_live_here": True,
}

# A challenge with its code and delivery every eight seconds of the last day, all over; and one of each other address.
ADDRESSES = """
insert into emails (folded, created_at)
select 'other-' || number || '@example.com', clock_now() from generate_series(1, $1::integer) as number
union all select $2, clock_now()
"""
PAST_OF_EVERYBODY = """
with past as (
    select email_id, folded, gen_random_uuid() as code, 'challenge-' || gen_random_uuid() as challenge,
           clock_now() - interval '11 minutes' - number * interval '8 seconds' as born
      from emails cross join generate_series(1, case when folded = $1 then $2::integer else 1 end) as number
), codes as (
    insert into login_codes (login_code_id, email_id, email, key_id, salt, mac, created_at, expires_at, ended_at)
    select code, email_id, folded, 'key', $3::bytea, $3::bytea || $3::bytea, born, born + interval '10 minutes',
           case when $4 then born end
      from past
), handles as (
    insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language, state,
                            attempts, created_at, expires_at)
    select challenge, email_id, folded, case when $5::text like 'delivery%' then null else code end, $3, 'en', $5,
           case $5 when 'failed' then 5 else 0 end, born, born + interval '10 minutes'
      from past
)
insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, locale, network_tag,
                             to_new_address, state, queued_at, next_attempt_at, finished_at)
select gen_random_uuid(), challenge, code, email_id, folded, 'en', $3, true, $6, born, born, born from past
"""


@pytest.mark.parametrize(
    ("codes_ended", "challenge_state", "delivery_state"),
    [
        (True, "delivery_throttled", "decoy"),
        (True, "delivery_suppressed", "decoy"),
        (False, "pending_send", "abandoned"),
        (False, "failed", "failed"),
        (False, "cancelled", "suppressed"),
    ],
)
def test_a_read_costs_the_same_whatever_came_before(
    database: Database, codes_ended: bool, challenge_state: str, delivery_state: str
) -> None:
    async def pages(connection: asyncpg.Connection) -> dict[str, int]:
        await connection.execute("truncate emails cascade")
        await connection.execute(ADDRESSES, PAST, EMAIL)
        await connection.execute(
            PAST_OF_EVERYBODY, EMAIL, PAST, TAG, codes_ended, challenge_state, delivery_state, timeout=60
        )
        await connection.execute("analyze emails, login_codes, challenges, mail_deliveries")
        challenge_id = await connection.fetchval("select max(challenge_id) from challenges where email = $1", EMAIL)
        return {
            f"{statement}, {plan}": await _pages(connection, plan, SQL[statement](**values))
            for plan in ("force_custom_plan", "force_generic_plan")
            for statement, values in (
                ("read_for_issue", READ_FOR_ISSUE),
                (
                    "read_for_confirm",
                    {
                        "challenge_ids": [challenge_id],
                        "users_live_here": True,
                        "network_tags": [TAG],
                        "tags_per_confirm": 1,
                    },
                ),
            )
        }

    read = asyncio.run(_as_owner(database, pages))
    assert {statement: count for statement, count in read.items() if count > MOST_PAGES} == {}


async def _pages(connection: asyncpg.Connection, plan: str, bound: queries.Bound) -> int:
    """The pages that the statement touched, under a plan made for these arguments or for any.

    It uses `execute` and literals. `explain` of a statement with parameters would plan for those parameters, whatever
    `plan` says.
    """
    sql, *arguments = bound
    async with connection.transaction():
        for name, value in ({**PUBLIC_SETTINGS, "plan_cache_mode": plan}).items():
            await connection.execute(f"set local {name} = {value}")
        literals = ", ".join(await _literals(connection, sql, arguments))
        await connection.execute(f"prepare measured as {sql}")
        lines = [row[0] for row in await connection.fetch(f"explain (analyze, buffers) execute measured ({literals})")]
        await connection.execute("deallocate measured")
    touched = next(line for line in lines if "Buffers:" in line)
    return sum(int(count) for count in re.findall(r"(?:hit|read)=(\d+)", touched))


async def _literals(connection: asyncpg.Connection, sql: str, arguments: list[Any]) -> list[str]:
    """The arguments as SQL, each of the type that the statement takes."""
    types = [parameter.name for parameter in (await connection.prepare(sql)).get_parameters()]
    return [
        await connection.fetchval(f"select quote_nullable(($1::{name})::text)", argument) + f"::{name}"
        for name, argument in zip(types, arguments, strict=True)
    ]


async def _as_owner(
    database: Database, body: Callable[[asyncpg.Connection], Awaitable[dict[str, int]]]
) -> dict[str, int]:
    connection = await asyncpg.connect(database.owner_dsn, ssl=False, server_settings={"search_path": "authsession"})
    try:
        return await body(connection)
    finally:
        await connection.close()
