"""Routes of nodes are served on one listener only."""

from dataclasses import replace

import pytest

from contracts.gateway import GatewayKeys
from services.internal_admin.listeners import listeners
from shared.kernel.address import TcpAddress
from shared.kernel.clock import SystemClock
from shared.telemetry.metrics import Metrics
from shared.web.exchange import Request, Response, Route
from shared.web.health import Readiness
from tests.support.internal_service import internal_settings

NODES = TcpAddress("", 8082)


async def answer(_: Request) -> Response:
    return Response(200, b"{}")


ROUTES = (Route("GET", "/api/control-plane/nodes", answer),)
NODE_ROUTES = (Route("GET", "/api/v1/node/config", answer),)


@pytest.mark.parametrize("address", [None, NODES])
def test_routes_of_nodes_move_to_their_own_listener_if_there_is_one(address: TcpAddress | None) -> None:
    settings = replace(internal_settings(GatewayKeys("x:", "x")), node_http_address=address)
    found = listeners(ROUTES, NODE_ROUTES, settings, Readiness(), Metrics("x", SystemClock()))
    served = [{route.path for route in listener.routes} for listener in found]
    of_operations = {"/healthz", "/readyz", "/metrics"}
    internal, node = {"/api/control-plane/nodes"}, {"/api/v1/node/config"}
    if address is None:
        assert served == [internal | node | of_operations]
    else:
        assert served == [internal | of_operations, node | {"/healthz", "/readyz"}]
        assert [listener.believes_traceparent for listener in found] == [True, False]
    assert found[-1].address == (address or settings.http_address)
    assert found[-1].plain == NODE_ROUTES
