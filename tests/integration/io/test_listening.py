"""A listener hears notifications at once, and again after its connection was cut."""

import time

import asyncpg
import pytest
import trio

from shared.io.listening import MAX_A_SECOND, Listener
from tests.support.background import background
from tests.support.world import World


class Heard:
    def __init__(self) -> None:
        self.times: list[float] = []

    def note(self) -> None:
        self.times.append(time.monotonic())

    def wait_for(self, count: int, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while len(self.times) < count:
            assert time.monotonic() < deadline, f"heard {len(self.times)} of {count}"
            time.sleep(0.002)


@pytest.fixture
def heard(world: World) -> Heard:
    heard = Heard()

    async def listen(task_status: trio.TaskStatus[None]) -> None:
        await Listener(world.internal, "tests_of_listening", heard.note).run(task_status=task_status)

    world.enter(background, listen)
    heard.wait_for(1)
    return heard


def test_a_notification_of_the_public_role_is_heard_by_the_internal_one(world: World, heard: Heard) -> None:
    world.call(world.public.unit_of_work, _notify)
    heard.wait_for(2, seconds=2)


def test_after_a_cut_it_listens_again_and_tells_so(world: World, heard: Heard) -> None:
    world.call(world.public.unit_of_work, _notify)
    heard.wait_for(2)
    [cut] = world.database.execute(
        "select count(pg_terminate_backend(pid)) as count from pg_stat_activity "
        "where datname = current_database() and usename = 'authsession_internal'"
    )
    assert cut["count"]
    heard.wait_for(3, seconds=5)
    world.call(world.public.unit_of_work, _notify)
    heard.wait_for(4)


def test_a_flood_of_notifications_is_not_heard_to_its_end(world: World, heard: Heard) -> None:
    """Any role may notify. The process that hears goes on with its other work, and listens again later."""
    world.call(world.public.unit_of_work, _flood)
    heard.wait_for(MAX_A_SECOND)
    world.call(world.internal.unit_of_work, _ask)

    heard.wait_for(MAX_A_SECOND + 3, seconds=15)  # one more is too many, and the two connections were told
    world.call(world.public.unit_of_work, _notify)
    heard.wait_for(MAX_A_SECOND + 4)
    assert len(heard.times) < 3 * MAX_A_SECOND


async def _flood(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "select count(pg_notify('tests_of_listening', each::text)) from generate_series(1, 150000) as each"
    )


async def _ask(connection: asyncpg.Connection) -> None:
    await connection.execute("select 1")


async def _notify(connection: asyncpg.Connection) -> None:
    await connection.execute("select pg_notify('tests_of_listening', '')")
