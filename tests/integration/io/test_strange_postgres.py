"""A unit of work ends as an unavailable database after any odd answer of Postgres or its pooler, and recovers."""

import gc
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import asyncpg
import pytest
import trio

from authsession.embedded.postgres import EmbeddedPostgres
from shared.io.postgres import Postgres, open_postgres
from shared.kernel.faults import DependencyUnavailable
from tests.support.strange_postgres import AT_START, STRANGE, StrangePostgres, error, strange_postgres

# Where a server tells no version, asyncpg makes half of its connection and leaves the transport to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PATIENCE = timedelta(seconds=0.3)
LOST = "InvalidSQLStatementNameError 26000"


@pytest.fixture(scope="module", autouse=True)
def no_rubbish_for_other_files() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def peer(postgres_server: EmbeddedPostgres) -> Iterator[StrangePostgres]:
    with strange_postgres(postgres_server.port) as peer:
        yield peer


async def read(connection: asyncpg.Connection) -> object:
    return await connection.fetchval("select $1::int", 7)


async def write(connection: asyncpg.Connection) -> None:
    async with connection.transaction():
        await connection.fetch("select $1::int", 7)
        await connection.execute("select 1")


async def meets(postgres: Postgres) -> None:
    for body in (read, write):
        with suppress(DependencyUnavailable):
            await postgres.unit_of_work(body)


async def serves(postgres: Postgres) -> bool:
    try:
        await postgres.unit_of_work(write)
        return await postgres.unit_of_work(read) == 7
    except DependencyUnavailable:
        return False


@pytest.mark.parametrize(
    ("name", "also_starts"), [*((name, False) for name in STRANGE), *((name, True) for name in AT_START)]
)
async def test_a_unit_meets_an_answer_that_nobody_listed_as_weather(
    asyncio_loop: None, postgres_server: EmbeddedPostgres, peer: StrangePostgres, name: str, also_starts: bool
) -> None:
    peer.say(None)
    dsn = postgres_server.dsn().replace(str(postgres_server.port), str(peer.port))
    async with open_postgres(
        dsn, application_name="strange", pool_size=1, acquire_timeout=PATIENCE, unit_timeout=PATIENCE
    ) as postgres:
        with trio.fail_after(10):
            while not await serves(postgres):  # so that statements are prepared
                pass
        peer.say(STRANGE[name], also_starts=also_starts)
        for _ in range(2):
            await meets(postgres)
        peer.say(None)
        with trio.fail_after(10):
            while not await serves(postgres):
                await trio.sleep(0.02)


async def test_an_unexpected_error_is_logged_with_its_state(
    asyncio_loop: None, postgres_server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    dsn = postgres_server.dsn()
    with strange_postgres(postgres_server.port) as peer:
        dsn = dsn.replace(str(postgres_server.port), str(peer.port))
        await loses_a_statement(dsn, peer)
    [loud] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (loud.message, vars(loud)["fault"]) == ("postgres gave an unexpected answer", LOST)
    assert "anna@example.com" not in caplog.text


async def loses_a_statement(dsn: str, peer: StrangePostgres) -> None:
    async with open_postgres(dsn, application_name="strange", pool_size=1) as postgres:
        await postgres.unit_of_work(read)
        peer.say(error("26000", message="prepared statement of anna@example.com does not exist"))
        with pytest.raises(DependencyUnavailable) as fault:
            await postgres.unit_of_work(read)
        peer.say(None)
        assert fault.value.reason == LOST
        assert await postgres.unit_of_work(read) == 7, "on a new connection: this one has lost what was prepared"
