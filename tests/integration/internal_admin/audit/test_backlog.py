"""Rows without a seal are counted, late ones too, at a price that neither the trail's length nor its floor moves."""

import json
from typing import Any

import asyncpg
import pytest

from services.internal_admin.audit.store import seals
from services.internal_admin.audit.store.seals import read_backlog
from tests.support.world import World

SEALED, LOOKED_AT = 30_000, 10_000


@pytest.fixture(autouse=True)
def trail_of_a_day(world: World, trail: None) -> None:
    """All of it sealed but for the three newest rows and one that was committed late."""
    world.database.execute(
        f"""
        insert into audit_events (occurred_at, event, outcome, caller, subject)
        select clock_now() - interval '1 hour' + n * interval '1 millisecond', 'security.create_session', 'created',
               'public', 'device-session-' || n
          from generate_series(1, {SEALED + 4}) as n;
        insert into audit_seal (seq, audit_id, key_id, mac)
        select row_number() over (order by audit_id), audit_id, 'k1', decode(repeat('00', 32), 'hex')
          from (select audit_id from audit_events order by audit_id limit {SEALED + 1}) as oldest
         where audit_id <> (select audit_id from audit_events order by audit_id desc offset 100 limit 1);
        analyze audit_events;
        analyze audit_seal;
        """
    )


def set_floor(world: World, below: int) -> None:
    """So many ids before the last."""
    world.database.execute("update audit_sealer set floor = (select max(audit_id) from audit_events) - $1", below)


def pages_touched(world: World) -> int:
    async def explain(connection: asyncpg.Connection) -> Any:
        return await connection.fetchval("explain (analyze, buffers, format json) " + seals.SQL["read_backlog"].text)

    top = json.loads(world.call(world.internal.unit_of_work, explain))[0]["Plan"]
    return top["Shared Hit Blocks"] + top["Shared Read Blocks"]


def test_the_newest_rows_and_one_that_was_late_are_counted(world: World) -> None:
    set_floor(world, below=200)
    assert world.call(world.internal.unit_of_work, read_backlog).rows == 4


def test_a_short_way_from_the_floor_to_the_end_touches_few_pages(world: World) -> None:
    set_floor(world, below=200)
    assert pages_touched(world) < 1000


def test_a_floor_that_stands_bounds_what_is_looked_at(world: World) -> None:
    set_floor(world, below=SEALED)
    assert pages_touched(world) < 5 * LOOKED_AT
