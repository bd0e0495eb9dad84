"""Servers that a test may stop, pause and kill, and the asyncio loop of a test that opens its own connections."""

from collections.abc import AsyncIterator, Iterator

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from shared.io.aio import open_loop
from tests.support.servers import temporary_postgres, temporary_redis


@pytest.fixture(scope="module")
def fragile_postgres() -> Iterator[EmbeddedPostgres]:
    """A Postgres of the module's own: kill it, pause it, and leave it running."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def fragile_redis() -> Iterator[EmbeddedRedis]:
    """A Redis of the module's own: kill it, pause it, and leave it running."""
    with temporary_redis() as server:
        yield server


@pytest.fixture
async def asyncio_loop() -> AsyncIterator[None]:
    async with open_loop():
        yield
