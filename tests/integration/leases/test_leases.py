"""Laws of a lease: one holder, given back on every way out, and never believed after its connection or its time."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
import trio

from authsession.embedded.postgres import EmbeddedPostgres
from shared.io.postgres import Postgres, open_postgres
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import DependencyUnavailable
from shared.leases import lease as leases
from shared.leases.lease import Lease, lease
from tests.support.database import Database, create_template

NAME = "lease-tests"
LEASE = "sealer"
ENTROPY = SystemEntropy()


async def read_backend(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("select pg_backend_pid()")


@pytest.fixture
async def postgres(asyncio_loop: None, database: Database) -> AsyncIterator[Postgres]:
    async with open_postgres(database.internal_dsn, application_name=NAME) as postgres:
        yield postgres


async def assert_free(postgres: Postgres) -> None:
    """At the latest when its time is over."""
    with trio.fail_after(2 * leases.LIFE.total_seconds()):
        while True:
            async with lease(postgres, LEASE, ENTROPY) as held:
                if held is not None:
                    return
            await trio.sleep(0.02)


async def test_a_lease_has_one_holder_and_is_free_afterwards(postgres: Postgres) -> None:
    async with lease(postgres, LEASE, ENTROPY) as first, lease(postgres, LEASE, ENTROPY) as second:
        assert first is not None
        assert second is None
        assert await first.unit_of_work(lambda connection: connection.fetchval("select 1")) == 1
    async with lease(postgres, LEASE, ENTROPY) as next_one:
        assert next_one is not None


async def test_while_the_holder_works_nobody_takes_a_lease_whose_time_is_over(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LIFE", timedelta(milliseconds=1))
    async with lease(postgres, LEASE, ENTROPY) as first:
        assert first is not None

        async def work(connection: asyncpg.Connection) -> None:
            await connection.execute("select pg_sleep(0.3)")

        async def take() -> None:
            await trio.sleep(0.1)
            async with lease(postgres, LEASE, ENTROPY) as second:
                assert second is None

        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.unit_of_work, work)
            nursery.start_soon(take)


async def test_a_holder_whose_lease_was_taken_can_do_nothing_more(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LIFE", timedelta(milliseconds=1))
    async with lease(postgres, LEASE, ENTROPY) as late:
        assert late is not None
        await trio.sleep(0.01)
        monkeypatch.setattr(leases, "LIFE", timedelta(seconds=4))
        async with lease(postgres, LEASE, ENTROPY) as successor:
            assert successor is not None
            await assert_lost(late)


async def test_a_cancelled_holder_gives_the_lease_back(postgres: Postgres) -> None:
    with trio.CancelScope() as scope:
        async with lease(postgres, LEASE, ENTROPY) as held:
            assert held is not None
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    await assert_free(postgres)


async def test_cancellation_while_taking_the_lease_leaves_none_behind(postgres: Postgres) -> None:
    async def take(delay: float) -> None:
        with trio.move_on_after(delay):
            async with lease(postgres, LEASE, ENTROPY):
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


async def test_a_bug_of_the_holder_gives_the_lease_back(postgres: Postgres) -> None:
    with pytest.raises(KeyError):
        async with lease(postgres, LEASE, ENTROPY):
            raise KeyError
    await assert_free(postgres)


async def test_a_holder_whose_connection_was_lost_can_do_nothing_more(postgres: Postgres) -> None:
    async with lease(postgres, LEASE, ENTROPY) as held:
        assert held is not None
        backend = await held.unit_of_work(read_backend)
        await postgres.unit_of_work(lambda connection: connection.execute("select pg_terminate_backend($1)", backend))
        await assert_free(postgres)
        await assert_lost(held)
        await assert_lost(held)


async def test_a_killed_server_ends_the_holding(asyncio_loop: None, fragile_postgres: EmbeddedPostgres) -> None:
    template = await trio.to_thread.run_sync(create_template, fragile_postgres)
    async with open_postgres(fragile_postgres.dsn(template), application_name=NAME) as postgres:
        async with lease(postgres, LEASE, ENTROPY) as held:
            assert held is not None
            await trio.to_thread.run_sync(fragile_postgres.kill)
            await assert_lost(held)
        with pytest.raises(DependencyUnavailable):
            async with lease(postgres, LEASE, ENTROPY):
                pass
        await trio.to_thread.run_sync(fragile_postgres.start)
        await assert_free(postgres)


async def assert_lost(held: Lease) -> None:
    with pytest.raises(DependencyUnavailable):
        await held.unit_of_work(read_backend)
