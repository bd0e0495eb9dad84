"""The internal service over real servers: its routes, and its units of work on a pool wide enough for races."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.io.postgres import Postgres, open_postgres
from tests.support.internal_api import InternalApi, open_internal_api
from tests.support.world import World


@pytest.fixture(scope="module")
def wide_pool(world: World) -> Postgres:
    """34 connections of the internal role."""
    return world.enter(
        open_postgres,
        world.database.internal_dsn,
        application_name="race",
        pool_size=34,
        acquire_timeout=timedelta(seconds=20),
    )


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[InternalApi]:
    """The internal routes with their relay and keeper."""
    with open_internal_api(world) as internal_api:
        yield internal_api
