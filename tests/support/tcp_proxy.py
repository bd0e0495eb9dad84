"""A TCP proxy that plays a bad network: slow, silent or cut, or one that leads to another server than before."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

import trio

from tests.support.trio_thread import on_a_trio_thread


class TcpProxy:
    """Listens on `port` of the loopback address. Any thread may change `delay` and `target` at any moment."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.target = target
        """The port that new connections lead to."""
        self.delay = 0.0
        """Seconds by which each piece is delayed, in both directions."""
        self._token: trio.lowlevel.TrioToken
        self._connections: set[trio.CancelScope] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Ends every open connection without an answer."""
        self._token.run_sync_soon(lambda: [scope.cancel() for scope in self._connections])

    async def serve(self, task_status: trio.TaskStatus["TcpProxy"]) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._connect, 0, host="127.0.0.1"))
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started(self)

    async def _connect(self, client: trio.SocketStream) -> None:
        with trio.CancelScope() as scope:
            self._connections.add(scope)
            try:
                async with await trio.open_tcp_stream("127.0.0.1", self.target) as server, trio.open_nursery() as both:
                    both.start_soon(self._pump, client, server, both.cancel_scope)
                    await self._pump(server, client, both.cancel_scope)
            except OSError:
                pass  # the target is away: the client's connection ends, as one refused behind a balancer does
            finally:
                self._connections.discard(scope)

    async def _pump(self, source: trio.SocketStream, sink: trio.SocketStream, both: trio.CancelScope) -> None:
        try:
            async for piece in source:
                await trio.sleep(self.delay)
                await sink.send_all(piece)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        both.cancel()


@contextmanager
def tcp_proxy(target: int) -> Generator[TcpProxy]:
    """A running proxy to that port of the loopback address."""
    with on_a_trio_thread(TcpProxy(target).serve) as proxy:
        yield proxy
