"""A proxy in front of Redis, in the test's own event loop. It can hold answers to reads of records, cut connections,
and lead to another server.
"""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import ByteStream, SocketAttribute, TaskGroup
from anyio.streams.tls import TLSStream

from clients.gateway.redis_server import RedisServer

CLOSED = 1
"""A port that nobody listens on."""
_GONE = (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


class HeldRedis:
    """A test may change `target` at any moment. New connections lead there."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.held = 0
        """The number of answer pieces that are held now."""
        self._may_pass = anyio.Event()
        self._may_pass.set()
        self._scopes: set[anyio.CancelScope] = set()

    @property
    def server(self) -> RedisServer:
        return RedisServer(port=self.port, timeout=5)

    def hold(self) -> None:
        """Holds answers to GET from now on. The requests go through."""
        self._may_pass = anyio.Event()

    def release(self) -> None:
        self._may_pass.set()

    def cut(self) -> None:
        """Ends every open connection."""
        for scope in self._scopes:
            scope.cancel()

    async def serve(self, client: ByteStream) -> None:
        """Serves one connection."""
        scope = anyio.CancelScope()
        self._scopes.add(scope)
        try:
            with scope:
                redis = await anyio.connect_tcp("127.0.0.1", self.target)
                async with redis, client, anyio.create_task_group() as both:
                    reads: list[bytes] = []
                    both.start_soon(self._forward, client, redis, reads, both)
                    both.start_soon(self._answer, redis, client, reads, both)
        except _GONE:
            await anyio.aclose_forcefully(client)
        finally:
            self._scopes.discard(scope)

    async def _forward(self, client: ByteStream, redis: ByteStream, reads: list[bytes], both: TaskGroup) -> None:
        try:
            while True:
                data = await client.receive()
                if b"\r\nGET\r\n" in data:
                    reads.append(data)
                await redis.send(data)
        except _GONE:
            both.cancel_scope.cancel()

    async def _answer(self, redis: ByteStream, client: ByteStream, reads: list[bytes], both: TaskGroup) -> None:
        try:
            while True:
                data = await redis.receive()
                if reads and not self._may_pass.is_set():
                    self.held += 1
                    await self._may_pass.wait()
                    self.held -= 1
                await client.send(data)
        except _GONE:
            both.cancel_scope.cancel()


@asynccontextmanager
async def held_redis(
    target: int, *, tls: ssl.SSLContext | None = None, unix_path: Path | None = None
) -> AsyncGenerator[HeldRedis]:
    """A running proxy to that port, on a port or a Unix socket. With `tls` it speaks TLS to clients."""
    proxy = HeldRedis(target)
    if unix_path is not None:
        listener = await anyio.create_unix_listener(unix_path)
    else:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        proxy.port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - no Django

    async def serve(stream: ByteStream) -> None:
        try:
            secured = stream if tls is None else await TLSStream.wrap(stream, server_side=True, ssl_context=tls)
        except _GONE:  # the client refused the certificate
            await anyio.aclose_forcefully(stream)
        else:
            await proxy.serve(secured)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield proxy
        tasks.cancel_scope.cancel()
