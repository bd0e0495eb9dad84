"""Faults of a server or a wire in these tests."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress

import psutil
import trio


@contextmanager
def paused(pid: int) -> Generator[None]:
    """Stop the process and its children (SIGSTOP), so that connections stay open and nothing answers."""
    server = psutil.Process(pid)
    server.suspend()  # first, so that it starts no further child
    children = server.children(recursive=True)
    try:
        for process in children:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in (*children, server):
            with suppress(psutil.NoSuchProcess):
                process.resume()


class CountingProxy:
    """A TCP proxy that counts round trips: how often the client speaks after the server did."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.round_trips = 0
        self._target = port
        self._server_spoke_last = True

    async def _serve(self, client: trio.SocketStream) -> None:
        server = await trio.open_tcp_stream("127.0.0.1", self._target)
        async with client, server, trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, client, server, True)
            await self._pump(server, client, False)
            nursery.cancel_scope.cancel()

    async def _pump(self, source: trio.SocketStream, target: trio.SocketStream, is_client: bool) -> None:
        try:
            async for chunk in source:
                self.round_trips += is_client and self._server_spoke_last
                self._server_spoke_last = not is_client
                await target.send_all(chunk)
            await target.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


@asynccontextmanager
async def counting_proxy(port: int) -> AsyncGenerator[CountingProxy]:
    proxy = CountingProxy(port)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, proxy._serve, 0)
        proxy.port = listeners[0].socket.getsockname()[1]
        yield proxy
        nursery.cancel_scope.cancel()
