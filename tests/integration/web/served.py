"""A running server on a real socket, and a client that speaks raw HTTP/1.1."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import trio

from shared.kernel.address import TcpAddress
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.lifecycle.drain import Drain
from shared.web.app import quart_app
from shared.web.cors import NO_CORS, Cors
from shared.web.edge import Edge
from shared.web.exchange import BodyRule, Request, Response, Route
from shared.web.holding import Hold
from shared.web.packed_body import unpacked_body
from shared.web.server.plain_requests import PlainRequests
from shared.web.server.serving import serve

LARGE = BodyRule(max_bytes=1024 * 1024, media_types=("application/x-protobuf", "application/json"), accepts_gzip=True)


class Server:
    """An app with a few routes, and what happened to them."""

    def __init__(self, kind: str, body_timeout: timedelta, cors: Cors) -> None:
        self.drain = Drain(delay=timedelta(0), shutdown_timeout=timedelta(seconds=2))
        self.seen: list[Request] = []
        self.finished = 0
        self.observed: list[tuple[str, str, int]] = []
        self.release = trio.Event()
        self.held: list[Hold] = []
        self.port = 0
        self._clients: list[Client] = []
        self.edge = edge = Edge(
            SystemEntropy(),
            is_draining=lambda: self.drain.is_draining,
            observe=lambda method, route, status, _: self.observed.append((method, route, status)),
            body_timeout=body_timeout,
            cors=cors,
        )
        hot = [
            Route("POST", "/echo", self._echo, accepts_body=True),
            Route("POST", "/slow", self._slow),
            Route("GET", "/held", self._held),
            Route("POST", "/large", self._echo, body=LARGE),
            Route("POST", "/unpacked", self._unpacked, body=LARGE),
            Route("GET", "/documents/{digest}", self._thing),
        ]
        others = [
            Route("GET", "/things/{id}", self._thing),
            Route("POST", "/broken", self._broken),
            Route("GET", "/big", self._big),
        ]
        self.app = quart_app([*hot, *others], edge)
        self.plain = PlainRequests(hot, edge) if kind == "plain" else None

    async def _echo(self, request: Request) -> Response:
        self.seen.append(request)
        return Response(200, request.body or b"{}")

    async def _slow(self, request: Request) -> Response:
        self.seen.append(request)
        await self.release.wait()
        for _ in range(20):
            await trio.sleep(0.001)  # each a checkpoint, where a cancellation would land
        self.finished += 1
        return Response(200, b"{}")

    async def _unpacked(self, request: Request) -> Response:
        body = unpacked_body(request, LARGE.max_bytes)
        await self.release.wait()
        return Response(200, b"%d" % len(body))

    async def _held(self, request: Request) -> Response:
        self.seen.append(request)
        with request.hold() as hold:
            self.held.append(hold)
            await hold.wait(30)
        self.finished += 1
        return Response(200, b'{"is_over":true}' if hold.is_over else b'{"is_over":false}')

    async def _thing(self, request: Request) -> Response:
        self.seen.append(request)
        return Response(200, b'{"id":1}')

    async def _broken(self, _: Request) -> Response:
        raise ValueError("pilot@example.com")

    async def _big(self, _: Request) -> Response:
        return Response(200, b"x" * 50_000_000)

    async def connect(self, source: str = "127.0.0.1") -> "Client":
        """From that address of this machine; all of 127/8 is."""
        client = Client(await trio.open_tcp_stream("127.0.0.1", self.port, local_address=source))
        self._clients.append(client)
        return client

    async def close_clients(self) -> None:
        for client in self._clients:
            await client.stream.aclose()

    async def ask(self, request: bytes) -> "Answer":
        """One request on a connection of its own."""
        client = await self.connect()
        await client.send(request)
        return await client.answer()


class Answer:
    def __init__(self, head: bytes, body: bytes) -> None:
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)}
        self.body = body

    @property
    def code(self) -> str:
        return json.loads(self.body)["error"]["code"]


class Client:
    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def answer(self, *, has_body: bool = True) -> Answer:
        with trio.fail_after(5):
            while b"\r\n\r\n" not in self._buffer:
                await self._receive()
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            answer = Answer(head, b"")
            length = int(answer.headers["content-length"]) if has_body else 0
            while len(self._buffer) < length:
                await self._receive()
        answer.body, self._buffer = self._buffer[:length], self._buffer[length:]
        return answer

    async def is_closed_within(self, seconds: float) -> bool:
        """Whether the server ends the connection, without a reset, before `seconds` have passed."""
        with trio.move_on_after(seconds):
            while await self.stream.receive_some() != b"":
                pass
            return True
        return False

    async def _receive(self) -> None:
        data = await self.stream.receive_some()
        assert data, "the connection ended before the answer was whole"
        self._buffer += data


@asynccontextmanager
async def running(
    kind: str = "plain", body_timeout: timedelta = timedelta(seconds=0.4), cors: Cors = NO_CORS, **rules: Any
) -> AsyncGenerator[Server]:
    """`rules` are those of `serve`."""
    server = Server(kind, body_timeout, cors)
    async with trio.open_nursery() as nursery:
        start: Callable[..., Any] = partial(
            serve,
            server.app,
            TcpAddress("127.0.0.1", 0),
            drain=server.drain,
            plain=server.plain,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            **rules,
        )
        address = await nursery.start(start)
        server.port = address.port
        nursery.start_soon(server.edge.holds.end_at, server.drain.draining)
        try:
            yield server
        finally:
            await server.close_clients()
            server.release.set()
            server.drain.stop()
