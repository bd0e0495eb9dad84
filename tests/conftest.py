"""Fixtures over real servers. Each pytest process, so each worker of pytest-xdist, has one pair of servers."""

import os
import sys
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

# No time limit for an example, so that a busy machine fails no test.
settings.register_profile("authsession", deadline=None)
settings.load_profile("authsession")

# Tests start hundreds of processes. Without compiled files each of them compiles all of our modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

TESTS = Path(__file__).parent
SLOWEST_FIRST = ("chaos", "property", "browser", "e2e", "integration", "contract", "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs slow files first, so that no worker waits at the end."""
    items.sort(key=lambda item: SLOWEST_FIRST.index(item.path.relative_to(TESTS).parts[0]))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """The session's Postgres. Do not kill it: a test that crashes a server starts a `temporary_postgres`."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The session's Redis. Do not kill it: a test that crashes a server starts a `temporary_redis`."""
    with temporary_redis() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres_server: EmbeddedPostgres) -> str:
    """The name of the migrated template database."""
    return create_template(postgres_server)


@pytest.fixture(scope="module")
def database(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """The module's own migrated database."""
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
    """Both services as processes on the module's database, with their own Redis."""
    with open_stack(database) as stack:
        yield stack
