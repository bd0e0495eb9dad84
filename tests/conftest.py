"""Fixtures over real servers. One pair of servers per pytest process (so per worker of pytest-xdist)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py
from hypothesis import settings

from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from tests.support.database import Database, cloned_database, create_template
from tests.support.servers import temporary_postgres, temporary_redis
from tests.support.stack import RunningStack, open_stack
from tests.support.world import World, open_world

# A busy machine is not a failure: no limit on the time of one example.
settings.register_profile("authsession", deadline=None)
settings.load_profile("authsession")

TESTS = Path(__file__).parent
SLOWEST_FIRST = ("chaos", "property", "e2e", "integration", "contract", "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: at the end every worker still has something to do."""
    items.sort(key=lambda item: SLOWEST_FIRST.index(item.path.relative_to(TESTS).parts[0]))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """Shared by the whole session: do not kill it. Tests that crash a server start a `temporary_postgres`."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """Shared by the whole session: do not kill it. Tests that crash a server start `temporary_redis` of their own."""
    with temporary_redis() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres_server: EmbeddedPostgres) -> str:
    """The name of the migrated template database."""
    return create_template(postgres_server)


@pytest.fixture(scope="module")
def database(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """A migrated database of the module's own."""
    with cloned_database(postgres_server, template) as clone:
        yield clone


@pytest.fixture
def redis(redis_server: EmbeddedRedis) -> EmbeddedRedis:
    """The session's Redis, emptied before the test."""
    with redis_py.Redis(port=redis_server.port) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="module")
def world(database: Database, redis_server: EmbeddedRedis) -> Iterator[World]:
    """Pools of every role on the module's database."""
    with open_world(database, redis_server) as running:
        yield running


@pytest.fixture(scope="module")
def running_stack(database: Database) -> Iterator[RunningStack]:
    """Both services as processes on the module's database, with a Redis of their own."""
    with open_stack(database) as stack:
        yield stack
