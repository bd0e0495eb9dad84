"""A page costs the same wherever it is in the list and whatever is asked for: pages of 8 KiB that Postgres touched."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.internal_admin.audit.store import trail
from tests.support.world import World

ROWS, LIMIT, LOOKED_AT = 20_000, 10, 500
START = datetime(2026, 1, 1, tzinfo=UTC)
END, MIDDLE = START + timedelta(days=1), START + timedelta(seconds=ROWS // 2)
NAMES = ("event", "outcome", "caller", "actor_type", "actor_id", "subject", "request_id")


@pytest.fixture(autouse=True)
def stored(world: World, trail: None) -> None:
    """One row in 50 is an operator's, the rest are logins."""
    world.database.execute(
        f"""
        insert into audit_events (occurred_at, event, outcome, caller, actor_id, subject)
        select '{START.isoformat()}'::timestamptz + n * interval '1 second',
               case when n % 50 = 0 then 'security.revoke_session' else 'security.create_session' end, 'x',
               case when n % 50 = 0 then 'operator-1' else 'public' end,
               case when n % 50 = 0 then 'agent-1' end, 'device-session-' || n % 100
          from generate_series(1, {ROWS}) as n;
        analyze audit_events;
        """
    )


def pages_touched(world: World, statement: str, before: datetime, **asked: str) -> int:
    sql, *arguments = trail._SQL[statement](
        since=START,
        before_occurred_at=before,
        before_audit_id=0,
        limit=LIMIT,
        looked_at=LOOKED_AT,
        **{name: asked.get(name) for name in NAMES},
    )

    async def explain(connection: asyncpg.Connection) -> Any:
        async with connection.transaction():
            await connection.execute(*trail._SQL["order_by_index"]())
            return await connection.fetchval("explain (analyze, buffers, format json) " + sql, *arguments)

    top = json.loads(world.call(world.internal.unit_of_work, explain))[0]["Plan"]
    return top["Shared Hit Blocks"] + top["Shared Read Blocks"]


INDEXED: list[tuple[str, dict[str, str]]] = [
    ("list_by_time", {}),
    ("list_by_event", {"event": "security.create_session"}),
    ("list_by_event", {"event": "security.revoke_session"}),
    ("list_by_event", {"event": "security.nothing"}),
    ("list_by_caller", {"caller": "operator-1"}),
    ("list_by_actor", {"actor_id": "agent-1"}),
    ("list_by_subject", {"subject": "device-session-7"}),
]


def test_a_page_that_an_index_leads_touches_little_more_than_its_rows(world: World) -> None:
    touched = {
        (statement, *asked.values(), before): pages_touched(world, statement, before, **asked)
        for statement, asked in INDEXED
        for before in (END, MIDDLE)
    }
    assert max(touched.values()) < 60, touched


def test_a_page_that_no_index_leads_touches_no_more_than_what_it_may_look_at(world: World) -> None:
    for before in (END, MIDDLE):
        assert pages_touched(world, "list_by_time", before, outcome="nothing") < LOOKED_AT + 60
        touched = pages_touched(world, "list_by_event", before, event="security.create_session", outcome="nothing")
        assert touched < LOOKED_AT + 60
