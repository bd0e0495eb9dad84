"""Plans that were made while the tables were empty, as on the first day, stay cheap as the tables fill."""

from functools import partial

import asyncpg

from services.public_auth.store.confirm_challenge import SessionMade
from services.public_auth.store.deliveries import (
    ClaimedDelivery,
    ClaimLimits,
    Settlement,
    is_claim_good,
    settle_and_claim,
    settle_deliveries,
)
from shared.db.role_settings import PUBLIC_SETTINGS
from shared.io.postgres import Postgres, open_postgres
from tests.support.builders import email_address
from tests.support.post import LEASE
from tests.support.public_flow import PublicFlow, race
from tests.support.world import World

AT_ONCE = 20
ROUNDS = 20
MOST_ENTRIES = 8
"""The bound in index entries a scan, on average: the row and its dead versions. A scan from end to end has 130."""
FEW_BLOCKS = """
insert into blocks (user_id, reason_code, actor_type, created_at)
select 'user-few-' || number, 'few', 'operator', clock_now() from generate_series(1, 5) as number
"""
_READ_FROM_END_TO_END = "select seq_scan from pg_stat_user_tables where relname = 'blocks'"
_ENTRIES = """
select indexrelname, idx_tup_read::float / idx_scan as entries from pg_stat_user_indexes
 where idx_scan >= $1 and schemaname = 'authsession'
"""


def test_no_statement_of_a_login_reads_an_index_from_end_to_end(flow: PublicFlow, world: World) -> None:
    one_connection = _one_connection(world)
    first_day = flow.reaching(one_connection)
    emails = [email_address() for _ in range(AT_ONCE)]
    for number in range(ROUNDS):  # every second round, people come back
        if number % 2 == 0:
            emails = [email_address() for _ in range(AT_ONCE)]
        _log_in(world, first_day, one_connection, emails)
    _count_now(world, one_connection)

    entries = {row["indexrelname"]: row["entries"] for row in world.database.execute(_ENTRIES, ROUNDS)}
    assert entries.pop("mail_deliveries_due") < 3 * AT_ONCE, "what is due, and what was a moment ago"
    assert {"challenges_pkey", "users_email_id", "mail_deliveries_pkey", "login_codes_pkey"} <= set(entries)
    assert {index: count for index, count in entries.items() if count > MOST_ENTRIES} == {}


def test_blocks_are_read_by_their_keys_though_there_were_few_when_the_plan_was_made(
    flow: PublicFlow, world: World
) -> None:
    world.database.execute(FEW_BLOCKS)
    world.database.execute("analyze blocks")
    one_connection = _one_connection(world)
    before = world.database.execute(_READ_FROM_END_TO_END)
    _log_in(world, flow.reaching(one_connection), one_connection, [email_address() for _ in range(AT_ONCE)])
    _count_now(world, one_connection)

    assert world.database.execute(_READ_FROM_END_TO_END) == before


def _one_connection(world: World) -> Postgres:
    """A new connection, made as the public process makes its own. So its plans are made now."""
    return world.enter(
        open_postgres,
        world.database.public_dsn,
        application_name="first-day",
        pool_size=1,
        settings=PUBLIC_SETTINGS,
    )


def _log_in(world: World, flow: PublicFlow, postgres: Postgres, emails: list[str]) -> None:
    challenges = world.call(race, *(partial(flow.sending, email) for email in emails))
    world.call(postgres.unit_of_work, _carry_all)
    confirms = [flow.confirming(challenge_id, flow.code(challenge_id)) for challenge_id in challenges]
    assert {type(outcome) for outcome in world.call(race, *confirms)} == {SessionMade}


async def _carry_all(connection: asyncpg.Connection) -> None:
    """Carries mails as the courier does with a slow transport: each claim is checked again before its mail leaves."""
    claimed: list[ClaimedDelivery] = await settle_and_claim(
        connection, settlements=[], limits=ClaimLimits(AT_ONCE + 1, 0), lease=LEASE
    )
    assert len(claimed) == AT_ONCE
    assert all([await is_claim_good(connection, claimed=delivery) for delivery in claimed])
    await settle_deliveries(connection, settlements=[Settlement(delivery, "sent") for delivery in claimed])


def _count_now(world: World, postgres: Postgres) -> None:
    """Makes the backend report its counts now. Otherwise it reports them only after it was idle."""

    async def tell(connection: asyncpg.Connection) -> None:
        await connection.execute("select pg_stat_force_next_flush()")

    world.call(postgres.unit_of_work, tell)
