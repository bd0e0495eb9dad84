"""Gateways on a real Redis that tests write by hand."""

from collections.abc import Iterator

import pytest

from authsession.embedded.redis import EmbeddedRedis
from tests.support.gateway_redis import GatewayRedis


@pytest.fixture
def gateway_redis(redis: EmbeddedRedis) -> Iterator[GatewayRedis]:
    """The session's Redis, with an empty projection that is complete."""
    writer = GatewayRedis(redis.port)
    yield writer
    writer.close()
