"""Laws of a pool whose Postgres is away, killed, paused or moved: bounded failures, and recovery without a restart."""

import socket
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta

import asyncpg
import pytest
import trio

from authsession.embedded.child import free_port
from authsession.embedded.postgres import EmbeddedPostgres
from shared.io.postgres import Postgres, open_postgres
from shared.kernel.faults import ConfigurationError, DependencyUnavailable
from tests.integration.io.faults import paused

NAME = "fault-tests"
ACQUIRE, UNIT = timedelta(seconds=1), timedelta(seconds=1)
BOUND = 3.5  # waiting, connecting, the unit; and some room for a busy machine


def open_pool(server: EmbeddedPostgres, *, size: int) -> AbstractAsyncContextManager[Postgres]:
    return open_postgres(
        server.dsn(), application_name=NAME, pool_size=size, acquire_timeout=ACQUIRE, unit_timeout=UNIT
    )


async def read_one(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("select 1")


async def sleep_a_minute(connection: asyncpg.Connection) -> None:
    async with connection.transaction():
        await connection.execute("select pg_sleep(60)")


async def is_available(postgres: Postgres) -> bool:
    started = time.monotonic()
    try:
        return await postgres.unit_of_work(read_one) == 1
    except DependencyUnavailable:
        return False
    finally:
        assert time.monotonic() - started < BOUND


async def assert_no_leak(postgres: Postgres, pool_size: int) -> None:
    """The server sees at most the pool's connections, and none of them in a transaction."""
    rows = await postgres.unit_of_work(
        lambda connection: connection.fetch(
            "select state from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid()", NAME
        )
    )
    assert len(rows) < pool_size
    assert {row["state"] for row in rows} <= {"idle"}


async def test_a_pool_opens_without_postgres_and_serves_when_it_comes(
    asyncio_loop: None, fragile_postgres: EmbeddedPostgres
) -> None:
    fragile_postgres.stop()
    async with open_pool(fragile_postgres, size=2) as postgres:
        for _ in range(5):
            assert not await is_available(postgres)
        await trio.to_thread.run_sync(fragile_postgres.start)
        for _ in range(5):
            assert await is_available(postgres)


async def test_a_killed_server_fails_running_units_at_once_and_is_found_again(
    asyncio_loop: None, fragile_postgres: EmbeddedPostgres
) -> None:
    failed: list[float] = []

    async def unit(postgres: Postgres) -> None:
        with pytest.raises(DependencyUnavailable):
            await postgres.unit_of_work(sleep_a_minute)
        failed.append(trio.current_time())

    async with open_postgres(fragile_postgres.dsn(), application_name=NAME, pool_size=6) as postgres:
        for _ in range(3):
            failed.clear()
            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    nursery.start_soon(unit, postgres)
                await trio.sleep(0.3)
                killed = trio.current_time()
                await trio.to_thread.run_sync(fragile_postgres.kill)
            assert max(failed) - killed < 1
            assert not await is_available(postgres)
            await trio.to_thread.run_sync(fragile_postgres.start)
            for _ in range(10):
                assert await is_available(postgres)
        await assert_no_leak(postgres, 6)


async def test_a_paused_server_fails_in_time_and_serves_when_it_goes_on(
    asyncio_loop: None, fragile_postgres: EmbeddedPostgres
) -> None:
    async with open_pool(fragile_postgres, size=3) as postgres:

        async def refused() -> None:
            assert not await is_available(postgres)

        async def refused_in_a_transaction() -> None:
            started = time.monotonic()
            with pytest.raises(DependencyUnavailable):
                await postgres.unit_of_work(sleep_a_minute)
            assert time.monotonic() - started < BOUND

        assert await is_available(postgres)
        with paused(fragile_postgres.pid):
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(refused)
                    nursery.start_soon(refused_in_a_transaction)
            await refused()
        with trio.fail_after(5):
            while not await is_available(postgres):
                await trio.sleep(0.05)
        await trio.sleep(1)
        await assert_no_leak(postgres, 3)


async def test_closing_the_pool_of_a_paused_server_is_bounded(
    asyncio_loop: None, fragile_postgres: EmbeddedPostgres
) -> None:
    async with AsyncExitStack() as stack:
        pool = open_postgres(fragile_postgres.dsn(), application_name=NAME, unit_timeout=UNIT)
        postgres = await stack.enter_async_context(pool)
        assert await is_available(postgres)
        with paused(fragile_postgres.pid):
            started = time.monotonic()
            await stack.aclose()
            assert time.monotonic() - started < BOUND


async def test_the_next_host_is_tried_when_one_is_away(asyncio_loop: None, fragile_postgres: EmbeddedPostgres) -> None:
    host = f"127.0.0.1:{fragile_postgres.port}"
    dsn = fragile_postgres.dsn().replace(host, f"127.0.0.1:{free_port()},{host}")
    async with open_postgres(dsn, application_name=NAME) as postgres:
        assert await is_available(postgres)


async def test_a_host_that_says_nothing_leaves_time_for_the_next(
    asyncio_loop: None, fragile_postgres: EmbeddedPostgres
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{fragile_postgres.port}"
        dsn = fragile_postgres.dsn().replace(host, f"127.0.0.1:{silent.getsockname()[1]},{host}")
        async with open_postgres(dsn, application_name=NAME, acquire_timeout=ACQUIRE) as postgres:
            assert await is_available(postgres)


async def test_a_server_without_tls_is_unavailable_when_the_dsn_requires_it(
    asyncio_loop: None, fragile_postgres: EmbeddedPostgres
) -> None:
    dsn = fragile_postgres.dsn() + "?sslmode=require"
    async with open_postgres(dsn, application_name=NAME, acquire_timeout=ACQUIRE) as postgres:
        assert not await is_available(postgres)


async def test_a_dsn_that_can_never_work_is_refused_before_anything_is_opened(asyncio_loop: None) -> None:
    with pytest.raises(ConfigurationError):
        async with open_postgres("mysql://127.0.0.1/db", application_name=NAME):
            pass
