"""Cancellation never reaches a transaction: a unit that began ends as if nobody had cancelled it."""

import random
from datetime import timedelta

import asyncpg
import pytest
import trio

from authsession.embedded.postgres import EmbeddedPostgres
from shared.io.postgres import open_postgres
from tests.support.database import run_sql

NAME = "cancel-storm"
UNITS = 300


@pytest.fixture(scope="module")
def dsn(postgres_server: EmbeddedPostgres) -> str:
    run_sql(postgres_server.dsn(), "create database io_cancellation")
    dsn = postgres_server.dsn("io_cancellation")
    run_sql(dsn, "create schema authsession; create table authsession.marks (id integer primary key)")
    return dsn


async def test_a_cancelled_task_starts_no_unit(asyncio_loop: None, dsn: str) -> None:
    started = False

    async def body(_: asyncpg.Connection) -> None:
        nonlocal started
        started = True

    async with open_postgres(dsn, application_name=NAME) as postgres:
        with trio.CancelScope() as scope:
            scope.cancel()
            await postgres.unit_of_work(body)
    assert scope.cancelled_caught
    assert not started


async def test_in_a_cancel_storm_every_unit_that_began_committed_and_no_connection_leaks(
    asyncio_loop: None, dsn: str
) -> None:
    moments = random.Random(2)
    began: set[int] = set()
    returned: set[int] = set()

    async with open_postgres(
        dsn, application_name=NAME, pool_size=5, acquire_timeout=timedelta(seconds=30)
    ) as postgres:

        async def unit(number: int) -> None:
            async def body(connection: asyncpg.Connection) -> None:
                began.add(number)
                async with connection.transaction():
                    await connection.execute("insert into marks values ($1)", number)
                    await connection.execute("select pg_sleep(0.002)")

            with trio.move_on_after(moments.uniform(0, 0.4)):
                await trio.sleep(moments.uniform(0, 0.3))
                await postgres.unit_of_work(body)
                returned.add(number)

        async with trio.open_nursery() as nursery:
            for number in range(UNITS):
                nursery.start_soon(unit, number)

        rows = await postgres.unit_of_work(lambda connection: connection.fetch("select id from marks"))
        states = await postgres.unit_of_work(
            lambda connection: connection.fetch(
                "select state from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid()", NAME
            )
        )
    assert {row["id"] for row in rows} == began
    assert returned <= began
    assert 0 < len(began) < UNITS, "the storm must hit both sides of the first statement"
    assert len(states) <= 4
    assert {row["state"] for row in states} <= {"idle"}
