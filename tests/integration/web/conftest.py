"""Each law of the edge is tried on both ways of serving."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.web.served import Server, running


@pytest.fixture(params=["plain", "quart"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with running(request.param) as server:
        yield server
