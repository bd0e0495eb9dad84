"""A small TCP load balancer that follows `/readyz`, as haproxy with `option httpchk GET /readyz` would."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count

import trio

from tests.support.trio_thread import on_a_trio_thread

LOOK_SECONDS = 0.1
LOOK_TIMEOUT = 1.0
_QUESTION = b"GET /readyz HTTP/1.1\r\nHost: balancer\r\nConnection: close\r\n\r\n"


class Balancer:
    """Listens on `port` of the loopback address. A connection goes to the next backend that was ready at the last
    check.

    An open connection stays at its backend until the backend ends it. A connection that one backend refuses goes to the
    next.
    """

    def __init__(self, backends: Sequence[int]) -> None:
        """`backends` are ports of the loopback address."""
        self.port = 0
        self.ready: dict[int, bool] = dict.fromkeys(backends, False)
        self._turn = count()

    async def serve(self, task_status: trio.TaskStatus["Balancer"]) -> None:
        async with trio.open_nursery() as nursery:
            for backend in self.ready:
                nursery.start_soon(self._follow, backend)
            listeners = await nursery.start(partial(trio.serve_tcp, self._connect, 0, host="127.0.0.1"))
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started(self)

    async def _follow(self, backend: int) -> None:
        while True:
            self.ready[backend] = await _is_ready(backend)
            await trio.sleep(LOOK_SECONDS)

    async def _connect(self, client: trio.SocketStream) -> None:
        server = await self._opened()
        if server is None:
            return
        async with server, trio.open_nursery() as both:
            both.start_soon(_pump, client, server)
            await _pump(server, client)
            both.cancel_scope.cancel()

    async def _opened(self) -> trio.SocketStream | None:
        """A connection to a backend, or None when no backend accepts one."""
        backends = [backend for backend, is_ready in self.ready.items() if is_ready]
        turn = next(self._turn)
        for place in range(len(backends)):
            try:
                return await trio.open_tcp_stream("127.0.0.1", backends[(turn + place) % len(backends)])
            except OSError:
                continue
        return None


async def _is_ready(backend: int) -> bool:
    with trio.move_on_after(LOOK_TIMEOUT):
        try:
            async with await trio.open_tcp_stream("127.0.0.1", backend) as stream:
                await stream.send_all(_QUESTION)
                return (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        except (OSError, trio.BrokenResourceError):
            return False
    return False


async def _pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
    try:
        async for piece in source:
            await sink.send_all(piece)
        await sink.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


@contextmanager
def balancer(*backends: int) -> Generator[Balancer]:
    """A running balancer in front of those ports of the loopback address."""
    with on_a_trio_thread(Balancer(backends).serve) as running:
        yield running
