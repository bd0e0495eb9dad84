"""Laws of the advisory lock: one holder, given back on every way out, and never believed after its connection."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import trio

from authsession.embedded.postgres import EmbeddedPostgres
from shared.io.postgres import Exclusive, Postgres, open_postgres
from shared.kernel.faults import DependencyUnavailable

NAME = "exclusive-tests"
LOCK = 20260405


async def read_backend(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("select pg_backend_pid()")


@pytest.fixture
async def postgres(asyncio_loop: None, postgres_server: EmbeddedPostgres) -> AsyncIterator[Postgres]:
    async with open_postgres(postgres_server.dsn(), application_name=NAME) as postgres:
        yield postgres


async def assert_free(postgres: Postgres) -> None:
    """The server gives a lock back when it notices that the connection is gone: within moments."""
    with trio.fail_after(5):
        while True:
            async with postgres.exclusive(LOCK) as held:
                if held is not None:
                    return
            await trio.sleep(0.02)


async def test_a_lock_has_one_holder_and_is_free_afterwards(postgres: Postgres) -> None:
    async with postgres.exclusive(LOCK) as first, postgres.exclusive(LOCK) as second:
        assert first is not None
        assert second is None
        assert await first.unit_of_work(lambda connection: connection.fetchval("select 1")) == 1
    await assert_free(postgres)


async def test_units_of_the_holder_run_on_the_connection_that_holds_the_lock(postgres: Postgres) -> None:
    async with postgres.exclusive(LOCK) as held:
        assert held is not None
        backend = await held.unit_of_work(read_backend)
        holder = await postgres.unit_of_work(
            lambda connection: connection.fetchval(
                "select pid from pg_locks where locktype = 'advisory' and objid = $1::oid", LOCK
            )
        )
        assert backend == holder


async def test_a_cancelled_holder_gives_the_lock_back(postgres: Postgres) -> None:
    with trio.CancelScope() as scope:
        async with postgres.exclusive(LOCK) as held:
            assert held is not None
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    await assert_free(postgres)


async def test_cancellation_while_taking_the_lock_leaves_none_behind(postgres: Postgres) -> None:
    async def take(delay: float) -> None:
        with trio.move_on_after(delay):
            async with postgres.exclusive(LOCK):
                await trio.sleep_forever()

    for milliseconds in range(0, 30, 2):
        await take(milliseconds / 1000)
    await assert_free(postgres)
    left = await postgres.unit_of_work(
        lambda connection: connection.fetchval(
            "select count(*) from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid()", NAME
        )
    )
    assert left <= 1


async def test_a_bug_of_the_holder_gives_the_lock_back(postgres: Postgres) -> None:
    with pytest.raises(KeyError):
        async with postgres.exclusive(LOCK):
            raise KeyError
    await assert_free(postgres)


async def test_a_holder_whose_connection_was_lost_can_do_nothing_more(postgres: Postgres) -> None:
    async with postgres.exclusive(LOCK) as held:
        assert held is not None
        backend = await held.unit_of_work(read_backend)
        await postgres.unit_of_work(lambda connection: connection.execute("select pg_terminate_backend($1)", backend))
        await assert_free(postgres)
        await assert_lost(held)
        await assert_lost(held)


async def test_a_killed_server_ends_the_holding(asyncio_loop: None, fragile_postgres: EmbeddedPostgres) -> None:
    async with open_postgres(fragile_postgres.dsn(), application_name=NAME) as postgres:
        async with postgres.exclusive(LOCK) as held:
            assert held is not None
            await trio.to_thread.run_sync(fragile_postgres.kill)
            await assert_lost(held)
        with pytest.raises(DependencyUnavailable):
            async with postgres.exclusive(LOCK):
                pass
        await trio.to_thread.run_sync(fragile_postgres.start)
        await assert_free(postgres)


async def assert_lost(held: Exclusive) -> None:
    with pytest.raises(DependencyUnavailable):
        await held.unit_of_work(read_backend)
