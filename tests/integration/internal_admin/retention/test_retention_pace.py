"""Rows come faster than retention removes at its longest rest, and the backlog shrinks all the same (SPEC §5.4)."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import asyncpg
import pytest
import trio

from services.internal_admin.retention.domain import MAX_REST
from services.internal_admin.retention.store import Removal, remove_aged
from services.internal_admin.retention.worker import BATCH, IDLE, AgedRows
from shared.kernel.entropy import SystemEntropy
from shared.lifecycle.supervision import supervise
from tests.support.builders import email_address
from tests.support.world import World

RATE = 300
"""Rows a second, of one kind; the longest rest allows 250 of all kinds together at most."""
EVERY = 0.1
BACKLOG = 2 * BATCH

_MAKE = """
    insert into known_networks (email_id, network_tag, confirmed_at)
    select $1, uuid_send(gen_random_uuid()),
           clock_now() - interval '91 days 1 hour' - interval '1 second' * number / $3
      from generate_series(1, $2::integer) as number
"""


@pytest.fixture
def email_id(world: World) -> Iterator[int]:
    """An address whose networks are taken away afterwards."""
    sql = "insert into emails (folded, created_at) values ($1, clock_now()) returning email_id"
    (row,) = world.database.execute(sql, email_address())
    yield row["email_id"]
    world.database.execute("delete from known_networks where email_id = $1", row["email_id"])


async def make(world: World, email_id: int, rows: int) -> None:
    """Networks unknown for a day and an hour more than they are kept, as if made at `RATE`."""
    await world.owner.unit_of_work(lambda connection: connection.execute(_MAKE, email_id, rows, float(RATE)))


async def make_on(world: World, email_id: int) -> None:
    """Rows at `RATE`, by the clock, until cancelled."""
    began_at, made = trio.current_time(), 0
    while True:
        await trio.sleep(EVERY)
        due = int((trio.current_time() - began_at) * RATE) - made
        await make(world, email_id, due)
        made += due


async def until_smaller(world: World) -> None:
    """Returns when the backlog has grown first, and a fifth of it is gone again."""
    sql, largest = "select count(*) from known_networks", 0
    while True:
        left = await world.owner.unit_of_work(lambda connection: connection.fetchval(sql))
        largest = max(largest, left)
        if largest > 2 * BACKLOG and left < largest * 0.8:
            return
        await trio.sleep(EVERY)


def test_a_backlog_shrinks_while_rows_come_faster_than_the_longest_rest_removes(world: World, email_id: int) -> None:
    worker = AgedRows(world.internal)

    async def run() -> None:
        await make(world, email_id, BACKLOG)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(make_on, world, email_id)
            nursery.start_soon(
                partial(
                    supervise,
                    worker.step,
                    name="aged rows",
                    idle=IDLE,
                    batch=BATCH,
                    rest=worker.rest,
                    entropy=SystemEntropy(),
                )
            )
            with trio.fail_after(60):
                await until_smaller(world)
            nursery.cancel_scope.cancel()

    world.call(run)
    assert worker.rest() < MAX_REST


def test_a_removal_tells_how_late_its_newest_row_was(world: World, email_id: int) -> None:
    world.call(make, world, email_id, 3)
    world.database.execute(
        """
        update known_networks set confirmed_at = confirmed_at - interval '5 days'
         where network_tag <> (select network_tag from known_networks limit 1)
        """
    )

    async def remove(connection: asyncpg.Connection) -> Removal:
        return (await remove_aged(connection, limit=3))["known_network"]

    removal = world.call(world.internal.unit_of_work, remove)

    assert removal.rows == 3
    assert timedelta(hours=25) <= removal.newest_late < timedelta(hours=26)
