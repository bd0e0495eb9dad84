"""The projection on the session's servers, or on a Redis of the test's own to kill."""

from collections.abc import Generator

import pytest

from authsession.embedded.redis import EmbeddedRedis
from tests.support.gateway_projection import GatewayProjection, open_gateway_projection
from tests.support.servers import temporary_redis
from tests.support.world import World


@pytest.fixture
def unkept(world: World, redis: EmbeddedRedis) -> Generator[GatewayProjection]:
    """A projection without a keeper."""
    with open_gateway_projection(world, redis) as projection:
        yield projection


@pytest.fixture
def gateway(unkept: GatewayProjection) -> GatewayProjection:
    """A complete projection with a keeper."""
    unkept.keep()
    return unkept


@pytest.fixture
def mortal(world: World) -> Generator[GatewayProjection]:
    """A complete projection with a keeper, on a persistent Redis that the test may kill and start."""
    with temporary_redis(persistent=True) as server, open_gateway_projection(world, server) as projection:
        projection.keep()
        yield projection
