"""A page costs the same wherever it is in the list: keyset, counted in pages of 8 KiB that Postgres touched."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from shared.io import queries
from tests.support.builders import store_user, unique
from tests.support.world import World

SQL = {
    **queries.load("services.internal_admin.sessions"),
    **queries.load("services.internal_admin.blocks"),
}
START = datetime(2026, 1, 1, tzinfo=UTC)
MIDDLE = START + timedelta(seconds=10_000)
LIMIT = 10


@pytest.fixture(scope="module")
def user_id(world: World) -> str:
    """A user with 20,000 sessions, of which one in 500 is active, and 20,000 blocks."""
    user = store_user(world.database)
    world.database.execute(
        """
        insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, status,
               created_at, revoked_at, revoke_reason_code, revoke_actor_type)
        select 'device-session-' || $2 || n, $1, decode(repeat('00', 32), 'hex'), gen_random_uuid(),
               'challenge-' || $2 || n, case when ended is null then 'active' else 'revoked' end,
               $3::timestamptz + n * interval '1 second', case when ended is not null then now() end, ended, ended
          from generate_series(1, 20000) as n, lateral (select case when n % 500 <> 0 then 'ended' end as ended) as s
        """,
        user.user_id,
        unique("bulk-"),
        START,
    )
    world.database.execute(
        """
        with addresses as (
            insert into emails (folded, created_at)
            select $1 || n, now() from generate_series(1, 20000) as n returning email_id
        )
        insert into blocks (email_id, reason_code, actor_type, created_at)
        select email_id, 'x', 'x', now() from addresses
        """,
        unique("blocked-"),
    )
    for table in ("device_sessions", "blocks", "emails"):
        world.database.execute(f"analyze {table}")
    return user.user_id


def pages_touched(world: World, statement: str, **values: object) -> int:
    sql, *arguments = SQL[statement](limit=LIMIT, **values)
    [plan] = world.database.execute("explain (analyze, buffers, format json) " + sql, *arguments)
    top = json.loads(plan[0])[0]["Plan"]
    return top["Shared Hit Blocks"] + top["Shared Read Blocks"]


@pytest.mark.parametrize("statuses", [["active", "revoked"], ["revoked"]])
def test_a_page_of_sessions_deep_in_the_list_is_as_cheap_as_the_first(
    world: World, user_id: str, statuses: list[str]
) -> None:
    asked = {"user_id": user_id, "statuses": statuses, "after_session_id": ""}
    first = pages_touched(world, "list_sessions", after_created_at=None, **asked)
    deep = pages_touched(world, "list_sessions", after_created_at=MIDDLE, **asked)
    assert max(first, deep) < 60


def test_the_active_sessions_cost_nothing_for_the_revoked_between_them(world: World, user_id: str) -> None:
    asked = {"user_id": user_id, "after_session_id": ""}
    first = pages_touched(world, "list_active_sessions", after_created_at=None, **asked)
    deep = pages_touched(world, "list_active_sessions", after_created_at=MIDDLE, **asked)
    assert max(first, deep) < 60


@pytest.mark.usefixtures("user_id")
def test_a_page_of_blocks_deep_in_the_list_is_as_cheap_as_the_first(world: World) -> None:
    middle = world.database.execute("select (min(block_id) + max(block_id)) / 2 from blocks")[0][0]
    first = pages_touched(world, "list_blocks", before_block_id=2**63 - 1)
    deep = pages_touched(world, "list_blocks", before_block_id=middle)
    assert max(first, deep) < 60
