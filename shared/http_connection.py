"""One HTTP/1.1 connection: hypercorn's protocol, with our deadlines and our error envelope.

Hypercorn's own connection class would also speak HTTP/2 and WebSocket, answer what it refuses itself without a body,
wait without end for a client that does not read, and start a task per request for its idle timer.
"""

import os
from functools import lru_cache
from itertools import chain
from math import inf
from typing import Any, cast
from wsgiref.handlers import format_date_time

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Request as StreamRequest
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import MAX_RECV, TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState

from contracts.errors import ErrorCode
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.web.plain_requests import Peer, PlainRequest, PlainRequests
from shared.web.refusals import refusal
from shared.web.request_id import request_id_for

KEEP_ALIVE_SECONDS = 75.0
"""How long an idle connection is kept: longer than the 60 s after which common proxies close theirs."""
HEAD_SECONDS = 10.0
"""From the first byte of a request to the end of its head."""
WRITE_SECONDS = 30.0
"""How long one answer may wait for a client that does not read."""
_NO_TLS = False
_CLOCK = SystemClock()


class HttpConnection(TCPServer):
    """Reads one connection and feeds the protocol; every wait on the client has a deadline."""

    def __init__(
        self, app: AppWrapper, config: Config, context: WorkerContext, stream: Any, plain: PlainRequests | None
    ) -> None:
        """`plain` answers what it finds; everything else is the app's, by way of h11."""
        super().__init__(app, config, context, {}, stream)
        self._plain = plain
        self._peer: Peer = None
        self._read_deadline = inf
        self._has_ended = False
        self._is_idle = True
        self._has_request = False
        self._has_asked = False
        self._waits_since = trio.current_time()

    async def run(self) -> None:
        """Serve the connection to its end; what the client does to it never raises."""
        sock = self.stream.socket
        try:
            self._peer = _ip_and_port(sock.getpeername())
            async with TaskGroup() as task_group:
                self.protocol: Any = _Http1(
                    self.app,
                    self.config,
                    self.context,
                    task_group,
                    ConnectionState({}),
                    _NO_TLS,
                    self._peer,
                    _ip_and_port(sock.getsockname()),
                    self.protocol_send,
                )
                self._become_idle()
                await self._read_data()
        except OSError:
            pass  # the peer is gone
        finally:
            await self._close()

    def close_if_idle(self) -> None:
        """At shutdown: end the connection now unless a request has begun."""
        if self._is_idle:
            self.close()

    def close_if_overdue(self, now: float) -> None:
        """End the connection if its client was silent, or slow with a head, for too long. To be called now and then:
        a timer for each wait would cost more than the wait."""
        if self._read_deadline < now:
            self.close()

    @property
    def is_busy(self) -> bool:
        """Whether a whole head has arrived that is not answered yet."""
        return self._has_request

    @property
    def worth(self) -> tuple[bool, float]:
        """To choose who makes room: less is who never asked for anything, then who is silent for longer."""
        return self._has_asked, self._waits_since

    def close(self) -> None:
        """End the connection, which must not be busy: nothing more is read from it."""
        self._has_ended = True
        trio.lowlevel.notify_closing(self.stream.socket)

    async def protocol_send(self, event: Event) -> None:
        """Called by the protocol with bytes to write, or when it turns idle, busy or closed."""
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Closed):
            await self._close()
            await self.protocol.handle(Closed())
        elif isinstance(event, Updated):
            if event.idle:
                self._become_idle()
            else:
                self._become_busy()

    async def _read_data(self) -> None:
        while True:
            data = await self._receive()
            if data is None:
                break
            request = self._find_plain(data)
            if request is not None:
                if not await self._answer_plain(request):
                    break
                continue
            if self._is_idle and data:
                self._is_idle = False
                self._read_deadline = trio.current_time() + HEAD_SECONDS
            await self.protocol.handle(RawData(data))
            if not data:
                break
        await self.protocol.handle(Closed())

    def _find_plain(self, data: bytes) -> PlainRequest | None:
        """Only between two requests, and only where h11 holds nothing back."""
        if self._plain is None or not self._is_idle or self.protocol.connection.trailing_data[0]:
            return None
        return self._plain.find(data, self._peer)

    async def _answer_plain(self, request: PlainRequest) -> bool:
        """Whether the connection goes on. Nobody reads from it meanwhile: who hangs up is noticed afterwards."""
        assert self._plain is not None
        self._become_busy()
        answer, must_close = await self._plain.answer(request, _date_field(_this_second()))
        await self._write(answer)
        self._become_idle()
        return not (must_close or self.context.terminated.is_set())

    async def _receive(self) -> bytes | None:
        """What comes next, b"" for its end; None when the connection is over."""
        sock = self.stream.socket
        while not self._has_ended and sock.fileno() >= 0:
            try:
                await trio.lowlevel.wait_readable(sock)
                return os.read(sock.fileno(), MAX_RECV)
            except BlockingIOError:  # readable, said the system, and then it was not
                continue
            except (OSError, trio.ClosedResourceError):
                break
        return None

    async def _write(self, data: bytes) -> None:
        unsent = data[self._write_at_once(data) :]
        if unsent:
            await self._write_in_time(unsent)

    def _write_at_once(self, data: bytes) -> int:
        """How many bytes the system takes now: nearly always all. Of a broken connection none; waiting tells why."""
        if self.send_lock.locked():
            return 0
        try:
            return os.write(self.stream.socket.fileno(), data)
        except OSError:
            return 0

    async def _write_in_time(self, data: bytes) -> None:
        scope = trio.CancelScope(shield=True, deadline=trio.current_time() + WRITE_SECONDS)
        async with self.send_lock:
            try:
                with scope:
                    await self.stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await self.protocol.handle(Closed())
        if scope.cancelled_caught:
            await self.stream.aclose()

    def _become_busy(self) -> None:
        self._is_idle, self._has_request, self._has_asked = False, True, True
        self._read_deadline = inf

    def _become_idle(self) -> None:
        self._is_idle, self._has_request = True, False
        self._waits_since = trio.current_time()
        self._read_deadline = self._waits_since + KEEP_ALIVE_SECONDS
        if self.context.terminated.is_set():
            self.close()


class _Http1(H11Protocol):
    """HTTP/1.1 and nothing else."""

    _unsent: bytes = b""

    async def _check_protocol(self, event: h11.Request) -> None:
        """No upgrade is offered: one that is asked for is ignored, as RFC 9110 §7.8 allows."""

    async def _create_stream(self, request: h11.Request) -> None:
        self.stream = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            _NO_TLS,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        await self.stream.handle(
            StreamRequest(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )

    async def _send_h11_event(self, event: Any) -> None:
        """As hypercorn, but the head waits for what follows it, so that an answer leaves in one write."""
        try:
            self._unsent += cast(bytes | None, self.connection.send(event)) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return
        if self._unsent and not isinstance(event, h11.Response):
            data, self._unsent = self._unsent, b""
            await self.send(RawData(data=data))

    async def _send_error_response(self, status_code: int) -> None:
        """What h11 refuses (a malformed head, a head over 16 KiB), in our envelope."""
        answer = refusal(*_REFUSED_BY_H11.get(status_code, (ErrorCode.INVALID_REQUEST, "malformed HTTP request")))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer.body)),
            (b"cache-control", b"no-store"),
            (b"x-request-id", request_id_for(None, SystemEntropy()).encode("ascii")),
            (b"connection", b"close"),
        ]
        head = list(chain(headers, self.config.response_headers("h11")))
        await self._send_h11_event(h11.Response(status_code=answer.status, headers=head))
        await self._send_h11_event(h11.Data(data=answer.body))
        await self._send_h11_event(h11.EndOfMessage())


def _this_second() -> int:
    return int(_CLOCK.now().timestamp())


@lru_cache(maxsize=1)
def _date_field(second: int) -> tuple[bytes, bytes]:
    """Of one second since 1970 (RFC 9110 §6.6.1)."""
    return b"date", format_date_time(second).encode("ascii")


def _ip_and_port(address: Any) -> Peer:
    """Of a socket's address; None for a Unix socket."""
    return None if isinstance(address, str) else (address[0], address[1])


_REFUSED_BY_H11 = {431: (ErrorCode.REQUEST_TOO_LARGE, "request head too large")}
