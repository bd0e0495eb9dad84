"""`GET /metrics`."""

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from shared.telemetry.metrics import Metrics
from shared.web.exchange import Request, Response, Route


def metrics_route(metrics: Metrics) -> Route:
    """The route `GET /metrics`, for listeners that the internet does not reach."""
    headers = ((b"content-type", CONTENT_TYPE_LATEST.encode("ascii")),)

    async def endpoint(_: Request) -> Response:
        return Response(200, metrics.render(), headers)

    return Route("GET", "/metrics", endpoint)
