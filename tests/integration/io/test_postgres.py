"""Laws of a unit of work on a healthy Postgres."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg
import pytest
import trio

from authsession.embedded.postgres import EmbeddedPostgres
from shared.io.postgres import ATTEMPTS, Postgres, open_postgres
from shared.kernel.faults import DependencyUnavailable
from tests.integration.io.faults import counting_proxy
from tests.support.database import run_sql

NAME = "io-tests"
SECRET_ADDRESS = "pilot@example.com"


@pytest.fixture(scope="module")
def dsn(postgres_server: EmbeddedPostgres) -> str:
    run_sql(postgres_server.dsn(), "create database io_tests")
    dsn = postgres_server.dsn("io_tests")
    run_sql(dsn, "create schema authsession")
    run_sql(dsn, "create table rows (id integer primary key, note text check (note <> 'bad'))")
    return dsn


@pytest.fixture(autouse=True)
def rows(dsn: str) -> None:
    run_sql(dsn, "truncate rows; insert into rows values (1, 'one'), (2, 'two')")


@pytest.fixture
async def postgres(asyncio_loop: None, dsn: str) -> AsyncIterator[Postgres]:
    async with open_postgres(dsn, application_name=NAME, pool_size=4) as postgres:
        yield postgres


async def read_backend(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("select pg_backend_pid()")


async def test_a_unit_returns_what_its_body_returns(postgres: Postgres) -> None:
    async def body(connection: asyncpg.Connection) -> str:
        return await connection.fetchval("select note from rows where id = $1", 2)

    assert await postgres.unit_of_work(body) == "two"


async def test_a_unit_of_one_cached_statement_is_exactly_one_round_trip(
    asyncio_loop: None, dsn: str, postgres_server: EmbeddedPostgres
) -> None:
    async def one_statement(connection: asyncpg.Connection) -> int:
        return await connection.fetchval("select id from rows where id = $1", 1)

    async def transaction_of_two(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await one_statement(connection)
            await one_statement(connection)

    async with counting_proxy(postgres_server.port) as proxy:
        through_proxy = dsn.replace(f":{postgres_server.port}/", f":{proxy.port}/")
        async with open_postgres(through_proxy, application_name=NAME, pool_size=1) as postgres:
            await postgres.unit_of_work(one_statement)
            before = proxy.round_trips
            for _ in range(10):
                await postgres.unit_of_work(one_statement)
            assert proxy.round_trips - before == 10
            before = proxy.round_trips
            await postgres.unit_of_work(transaction_of_two)
            assert proxy.round_trips - before == 4


async def test_every_connection_bounds_its_statements_and_finds_our_schema(postgres: Postgres) -> None:
    async def body(connection: asyncpg.Connection) -> dict[str, str]:
        rows = await connection.fetch("select name, setting from pg_settings where source in ('client', 'session')")
        return {row["name"]: row["setting"] for row in rows}

    settings = await postgres.unit_of_work(body)
    assert settings["search_path"] == "authsession"
    assert settings["application_name"] == NAME
    assert 0 < int(settings["lock_timeout"]) < int(settings["statement_timeout"])
    assert int(settings["statement_timeout"]) < int(settings["idle_in_transaction_session_timeout"])


async def test_deadlocked_units_both_succeed(postgres: Postgres) -> None:
    runs = 0

    async def lock_both(first: int, second: int) -> None:
        async def body(connection: asyncpg.Connection) -> None:
            nonlocal runs
            runs += 1
            async with connection.transaction():
                await connection.execute("select from rows where id = $1 for update", first)
                await connection.execute("select pg_sleep(0.2)")
                await connection.execute("select from rows where id = $1 for update", second)

        await postgres.unit_of_work(body)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lock_both, 1, 2)
        nursery.start_soon(lock_both, 2, 1)
    assert runs == 3


async def test_a_unit_that_never_serializes_is_given_up(postgres: Postgres) -> None:
    runs = 0

    async def body(connection: asyncpg.Connection) -> None:
        nonlocal runs
        runs += 1
        await connection.execute("do $$ begin raise serialization_failure; end $$")

    with pytest.raises(DependencyUnavailable):
        await postgres.unit_of_work(body)
    assert runs == ATTEMPTS


@pytest.mark.parametrize(
    ("statement", "expected", "constraint"),
    [
        ("insert into rows values (1, '" + SECRET_ADDRESS + "')", asyncpg.UniqueViolationError, "rows_pkey"),
        ("update rows set note = 'bad'", asyncpg.CheckViolationError, "rows_note_check"),
    ],
)
async def test_a_violated_constraint_passes_by_name_and_without_the_row(
    postgres: Postgres, statement: str, expected: type[asyncpg.PostgresError], constraint: str
) -> None:
    with pytest.raises(expected) as caught:
        await postgres.unit_of_work(lambda connection: connection.execute(statement))
    assert caught.value.constraint_name == constraint
    assert "DETAIL" not in str(caught.value)


async def test_an_exception_of_the_body_passes_unchanged_and_rolls_back(postgres: Postgres) -> None:
    error = ValueError("of the body")

    async def body(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute("delete from rows")
            raise error

    with pytest.raises(ValueError, match="of the body") as caught:
        await postgres.unit_of_work(body)
    assert caught.value is error
    assert await postgres.unit_of_work(lambda connection: connection.fetchval("select count(*) from rows")) == 2


async def test_a_transaction_left_open_is_rolled_back(asyncio_loop: None, dsn: str) -> None:
    async with open_postgres(dsn, application_name=NAME, pool_size=1) as postgres:
        await postgres.unit_of_work(lambda connection: connection.execute("begin; delete from rows"))
        assert await postgres.unit_of_work(lambda connection: connection.fetchval("select count(*) from rows")) == 2


@pytest.mark.parametrize("bug", ["select $1::int / 0", "select $1::int, $2::int"])
async def test_wrong_values_are_not_an_unavailable_database(postgres: Postgres, bug: str) -> None:
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await postgres.unit_of_work(lambda connection: connection.fetch(bug, 1))


@pytest.mark.parametrize("statement", ["select * from missing", "select missing from rows", "select missing()"])
async def test_a_schema_of_another_release_is_an_unavailable_database(postgres: Postgres, statement: str) -> None:
    with pytest.raises(DependencyUnavailable):
        await postgres.unit_of_work(lambda connection: connection.fetch(statement))


async def test_a_read_only_server_is_unavailable_and_its_connection_is_replaced(asyncio_loop: None, dsn: str) -> None:
    async def write(connection: asyncpg.Connection) -> None:
        async with connection.transaction(readonly=True):
            await connection.execute("delete from rows")

    async with open_postgres(dsn, application_name=NAME, pool_size=1) as postgres:
        backend = await postgres.unit_of_work(read_backend)
        with pytest.raises(DependencyUnavailable):
            await postgres.unit_of_work(write)
        assert await postgres.unit_of_work(read_backend) != backend


async def test_a_slow_statement_ends_in_time_and_costs_no_connection(asyncio_loop: None, dsn: str) -> None:
    async with open_postgres(dsn, application_name=NAME, pool_size=1, unit_timeout=timedelta(seconds=1)) as postgres:
        backend = await postgres.unit_of_work(read_backend)
        started = time.monotonic()
        with pytest.raises(DependencyUnavailable):
            await postgres.unit_of_work(lambda connection: connection.execute("select pg_sleep(60)"))
        assert time.monotonic() - started < 2
        assert await postgres.unit_of_work(read_backend) == backend


async def sleep(connection: asyncpg.Connection) -> None:
    await connection.execute("select pg_sleep(1)")


async def test_an_exhausted_pool_is_unavailable_within_the_acquire_timeout(asyncio_loop: None, dsn: str) -> None:
    async with open_postgres(
        dsn, application_name=NAME, pool_size=1, acquire_timeout=timedelta(seconds=0.3)
    ) as postgres:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(postgres.unit_of_work, sleep)
            await trio.sleep(0.2)
            started = time.monotonic()
            with pytest.raises(DependencyUnavailable):
                await postgres.unit_of_work(read_backend)
            assert 0.25 < time.monotonic() - started < 0.9
        assert await postgres.unit_of_work(read_backend)


async def test_no_fault_is_logged_with_a_row_or_the_password(
    postgres: Postgres, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    password = urlsplit(dsn).password
    assert password
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(DependencyUnavailable):
            await postgres.unit_of_work(
                lambda connection: connection.execute(f"select '{SECRET_ADDRESS}' from nowhere")
            )
        async with open_postgres(dsn.replace(password, password + "x"), application_name=NAME) as wrong:
            with pytest.raises(DependencyUnavailable):
                await wrong.unit_of_work(read_backend)
    assert "28P01" in str([vars(record).get("fault") for record in caplog.records])
    assert password not in caplog.text
    assert SECRET_ADDRESS not in caplog.text


async def test_a_connection_that_the_server_ends_is_unavailable_at_whatever_moment(
    postgres: Postgres, asyncio_loop: None, dsn: str
) -> None:
    """The server's farewell may meet a question that is on its way; the driver has several words for that."""
    async with open_postgres(dsn, application_name="ender", pool_size=1) as ender:

        async def end(backend: int) -> None:
            await ender.unit_of_work(lambda connection: connection.execute("select pg_terminate_backend($1)", backend))

        async def ask() -> int:
            with suppress(DependencyUnavailable):
                return await postgres.unit_of_work(read_backend)
            return 0

        for number in range(50):
            backend = await ask() or await ask() or await ask()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(end, backend)
                await trio.sleep(number / 25_000)
                for _ in range(3):
                    await ask()
