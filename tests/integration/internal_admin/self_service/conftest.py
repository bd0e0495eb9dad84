"""Workers of orders over real Postgres and Redis, with a keeper and a gateway's view."""

from collections.abc import Iterator

import pytest

from authsession.embedded.redis import EmbeddedRedis
from services.internal_admin.self_service.worker import SessionOrders
from tests.support.gateway_projection import GatewayProjection, open_gateway_projection
from tests.support.world import World


@pytest.fixture(scope="module")
def gateway(world: World, redis_server: EmbeddedRedis) -> Iterator[GatewayProjection]:
    with open_gateway_projection(world, redis_server) as projection:
        projection.keep()
        yield projection


@pytest.fixture
def orders(world: World, gateway: GatewayProjection) -> SessionOrders:
    return SessionOrders(world.internal, gateway.relay)
