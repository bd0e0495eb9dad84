"""The internal service's units of work on a pool wide enough for every contender of a race."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.io.postgres import Postgres, open_postgres
from tests.support.world import World


@pytest.fixture(scope="module")
def wide_pool(world: World) -> Iterator[Postgres]:
    """34 connections of the internal role."""
    yield world.enter(
        open_postgres,
        world.database.internal_dsn,
        application_name="race",
        pool_size=34,
        acquire_timeout=timedelta(seconds=20),
    )
