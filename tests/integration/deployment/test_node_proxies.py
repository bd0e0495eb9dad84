"""The samples of proxies for nodes, really run: long polls, signed targets, large bodies and addresses of clients."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
import trio

from contracts.node.names import JOIN_PATH
from contracts.node.poll import MAX_WAIT
from shared.kernel.address import TcpAddress
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.lifecycle.drain import Drain
from shared.web.app import quart_app
from shared.web.client_address import ClientAddresses
from shared.web.edge import Edge
from shared.web.exchange import BodyRule, Request, Response, Route
from shared.web.health import Readiness, health_routes
from shared.web.server.http_connection import Rules
from shared.web.server.plain_requests import PlainRequests
from shared.web.server.serving import serve
from tests.support.database import Database
from tests.support.proxies import NODE_SAMPLES, program, proxy
from tests.support.stack import RunningStack, open_stack

CONFIG, DOCUMENTS, TRACES = "/api/v1/node/config", "/api/v1/node/documents", "/api/v1/node/telemetry/v1/traces"
LONGEST_POLL = MAX_WAIT * 17 / 16
MEBIBYTE = 1024 * 1024
SHORT = 15
"""How often faster a minute passes where a test waits for the end of one."""


class Nodes:
    """A listener as the internal process has for nodes, with routes that keep what they get."""

    def __init__(self) -> None:
        self.drain = Drain(delay=timedelta(0), shutdown_timeout=timedelta(seconds=2))
        self.seen: list[Request] = []
        self.finished = 0
        self.port = self.proxy_port = 0
        trusted = ClientAddresses((ip_network("127.0.0.1/32"),))
        self.edge = Edge(SystemEntropy(), client_addresses=trusted, is_draining=lambda: self.drain.is_draining)

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        routes = (
            Route("GET", CONFIG, self._config),
            Route("GET", DOCUMENTS + "/{digest}", self._document),
            Route("POST", TRACES, self._document, body=BodyRule(4 * MEBIBYTE, ("application/x-protobuf",), True)),
        )
        health = health_routes(Readiness(lambda: self.drain.is_draining), shows_checks=False)
        start: Callable[..., Any] = partial(
            serve, quart_app([*routes, *health], self.edge), TcpAddress("127.0.0.1", 0),
            drain=self.drain, clock=SystemClock(), entropy=SystemEntropy(), plain=PlainRequests(routes, self.edge),
            rules=Rules(timedelta(seconds=75), (ip_network("127.0.0.1/32"),), False),
        )  # fmt: skip
        async with trio.open_nursery() as nursery:
            address = await nursery.start(start)
            self.port = address.port
            task_status.started()

    async def _config(self, request: Request) -> Response:
        self.seen.append(request)
        with request.hold() as hold:
            await hold.wait(float(request.query.rpartition("wait=")[2] or 0))
        self.finished += 1
        return Response(200, b"{}")

    async def _document(self, request: Request) -> Response:
        self.seen.append(request)
        return Response(200, json.dumps(len(request.body)).encode())

    async def ask(self, target: str, *, method: str = "GET", body: bytes = b"", source: str = "127.0.0.1") -> int:
        """The status of an answer that came through the proxy."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.proxy_port, local_address=source)
        async with stream:
            await stream.send_all(head(method, target, body) + body)
            return int((await stream.receive_some(65536)).split()[1])


def head(method: str, target: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "host: nodes.example.com", "x-forwarded-for: 203.0.113.9"]
    if body:
        lines += ["content-type: application/x-protobuf", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.fixture(params=NODE_SAMPLES)
async def nodes(request: pytest.FixtureRequest) -> AsyncIterator[Nodes]:
    """Two names of one process, behind a proxy whose minutes are short."""
    program(request.param)
    nodes = Nodes()
    async with trio.open_nursery() as nursery:
        await nursery.start(nodes.run)
        with ExitStack() as stack:
            nodes.proxy_port = stack.enter_context(
                proxy(request.param, nodes.port, nodes.port, NODE_SAMPLES, minute=60 / SHORT)
            )
            with trio.fail_after(10):
                while await nodes.ask(CONFIG) != 200:
                    await trio.sleep(0.05)
            nodes.seen.clear()
            nodes.finished = 0
            yield nodes
        nodes.drain.stop()


async def test_the_longest_poll_is_answered_and_a_minute_is_what_the_proxy_waits(nodes: Nodes) -> None:
    statuses: dict[float, int] = {}

    async def poll(seconds: float) -> None:
        statuses[seconds] = await nodes.ask(f"{CONFIG}?have=&wait={seconds / SHORT}")

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for seconds in (LONGEST_POLL, 150.0):
                nursery.start_soon(poll, seconds)
    assert statuses == {LONGEST_POLL: 200, 150.0: 504}


async def test_a_node_that_hangs_up_waits_at_the_process_no_longer(nodes: Nodes) -> None:
    stream = await trio.open_tcp_stream("127.0.0.1", nodes.proxy_port)
    await stream.send_all(head("GET", f"{CONFIG}?wait=30"))
    with trio.fail_after(5):
        while len(nodes.edge.holds) == 0:
            await trio.sleep(0.01)
        await stream.aclose()
        while nodes.finished == 0:
            await trio.sleep(0.01)
    assert len(nodes.edge.holds) == 0


@pytest.mark.parametrize(
    "target",
    [
        f"{CONFIG}?have=0a1b&rejected=&wait=0",
        f"{CONFIG}?&&x=%7e%7E+%20%2f//../b?c=;&wait=0",
        f"{DOCUMENTS}/%41%7e-._~",
        f"{DOCUMENTS}/a%25b?",
    ],
)
async def test_a_signed_target_arrives_byte_for_byte(nodes: Nodes, target: str) -> None:
    await nodes.ask(target)
    [seen] = nodes.seen
    assert f"{seen.path}?{seen.query}".rstrip("?") == target.rstrip("?")


async def test_telemetry_of_four_mebibytes_passes(nodes: Nodes) -> None:
    assert await nodes.ask(TRACES, method="POST", body=b"x" * 4 * MEBIBYTE) == 200
    assert len(nodes.seen[0].body) == 4 * MEBIBYTE


async def test_limits_count_the_address_of_the_node_and_no_address_that_it_names(nodes: Nodes) -> None:
    for source in ("127.0.0.2", "127.9.0.1"):
        await nodes.ask(f"{DOCUMENTS}/a", source=source)
    assert [seen.client.address for seen in nodes.seen] == ["127.0.0.2", "127.9.0.1"]
    assert len({seen.client.network.text for seen in nodes.seen}) == 2


@pytest.fixture(scope="module")
def stack(database: Database) -> Iterator[RunningStack]:
    with open_stack(database, AUTHSESSION_TRUSTED_PROXIES="127.0.0.1/32") as stack:
        yield stack


@pytest.mark.parametrize("name", NODE_SAMPLES)
def test_joins_are_limited_by_the_network_behind_the_proxy(stack: RunningStack, name: str) -> None:
    """Ten joins a minute of one network are looked at, and another network is not held up."""
    program(name)
    port = stack.ports[1]
    crowd, other = (f"127.{len(name)}.{number}.1" for number in (1, 2))
    with proxy(name, port, port, NODE_SAMPLES) as proxy_port:
        url = f"http://127.0.0.1:{proxy_port}{JOIN_PATH}"
        statuses = [join(url, source) for source in (*[crowd] * 11, other)]
    assert statuses == [*[400] * 10, 429, 400]


def join(url: str, source: str) -> int:
    """The status of an attempt without a token, from that address of this machine."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=source)) as client:
        return client.post(url, json={}, headers={"x-forwarded-for": "203.0.113.9"}).status_code


@pytest.mark.parametrize("path", ["/readyz", "/metrics", "/api/control-plane/nodes", "/api/v1/internal/users"])
async def test_a_proxy_for_nodes_passes_nothing_else_on(nodes: Nodes, path: str) -> None:
    assert await nodes.ask(path) == 404
    assert nodes.seen == []
