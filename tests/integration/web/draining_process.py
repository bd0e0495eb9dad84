"""A process with a slow route and one that holds its requests. `test_signals.py` sends signals to it."""

import sys
from datetime import timedelta
from functools import partial

import trio

from shared.kernel.address import TcpAddress
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.lifecycle.drain import Drain, watch_signals
from shared.web.app import quart_app
from shared.web.edge import Edge
from shared.web.exchange import Request, Response, Route
from shared.web.health import Readiness, health_routes
from shared.web.server.plain_requests import PlainRequests
from shared.web.server.serving import serve


async def _slow(_: Request) -> Response:
    await trio.sleep(0.8)
    return Response(200, b"{}")


async def _held(request: Request) -> Response:
    with request.hold() as hold:
        await hold.wait(60)
        return Response(200, b'{"is_over":true}' if hold.is_over else b"{}")


async def main(delay_seconds: float) -> None:
    drain = Drain(delay=timedelta(seconds=delay_seconds), shutdown_timeout=timedelta(seconds=5))
    edge = Edge(SystemEntropy(), is_draining=lambda: drain.is_draining)
    health = health_routes(Readiness(lambda: drain.is_draining), shows_checks=False)
    routes = [Route("POST", "/slow", _slow), Route("GET", "/held", _held), *health]
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(watch_signals, drain))
        address = await nursery.start(partial(
            serve, quart_app(routes, edge), TcpAddress("127.0.0.1", 0), plain=PlainRequests(routes, edge),
            drain=drain, clock=SystemClock(), entropy=SystemEntropy(),
        ))  # fmt: skip
        print(address.port, flush=True)  # noqa: T201
        await edge.holds.end_at(drain.draining)


if __name__ == "__main__":
    trio.run(main, float(sys.argv[1]))
