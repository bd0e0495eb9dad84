"""An HTTP/1.1 connection: reads requests, has them answered, writes the answers. Every wait for the client is limited.

Requests are handled one after the other, in the task of the connection. Nothing watches for a disconnect while one is
handled, so a client that hangs up cannot cancel it. A held request is told of it, but not cancelled either
(`shared.web.holding`). Reasons against other servers: docs/decisions/0042-the-wire.md.
"""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from ipaddress import IPv6Address, ip_address
from math import inf
from typing import Any

import trio

from contracts.errors import ErrorCode
from shared.http.proxy_protocol import MAX_HEADER_BYTES, BadProxyHeader, read_proxy_header
from shared.http.request_body import Framing
from shared.http.request_head import MAX_HEAD_BYTES, BadRequest, Head, HeadTooLarge, find_end, parse_head
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.network import IpNetwork, parse_network
from shared.web.asgi import AsgiApp, Scope
from shared.web.client_address import UNIX_PEER
from shared.web.connection import MAX_BODY_BYTES
from shared.web.cors import NO_CORS, Cors
from shared.web.refusals import refusal
from shared.web.server.http_exchange import Answer, RequestBody, whole_answer
from shared.web.server.hypercorn_app import run_app
from shared.web.server.places import Places
from shared.web.server.plain_requests import PlainRequests

HEAD_SECONDS = 10.0
"""Maximum time from the first byte of a request to the end of its head."""
WRITE_SECONDS = 30.0
"""Maximum time that an answer waits for a client that does not read."""
LINGER_SECONDS = 1.0
"""Maximum time in which further bytes are dropped, after an answer to a request that was not read to its end."""
_READ_BYTES = 16 * 1024
_MAX_BLANK_LINES = 32
"""Maximum number before a request. Old clients send one. A stream of them would cost us more than its sender."""
_log = logging.getLogger("authsession.server.http_connection")

Peer = tuple[str, int] | None
"""IP address and port of the peer; None on a Unix socket."""


class Phase(Enum):
    """The state of a connection. In all but `WORKING` and `ENDED` it waits for its client. `ENDED` is final."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    WORKING = auto()
    ANSWERING = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a listener's connections.

    An idle connection is kept for `keep_alive`. The default is longer than the 60 s of common proxies. The limit for
    one network does not hold for `trusted_proxies`. With `expects_proxy_protocol` only they may connect, and each
    connection must begin with a header of the PROXY protocol. `cors` adds its fields to every answer.
    """

    keep_alive: timedelta = timedelta(seconds=75)
    trusted_proxies: tuple[IpNetwork, ...] = ()
    expects_proxy_protocol: bool = False
    cors: Cors = NO_CORS


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Listening:
    """The objects that a listener's connections share. `plain` answers its own routes, and `app` all others."""

    app: AsgiApp
    plain: PlainRequests | None
    rules: Rules
    places: Places
    is_stopping: Callable[[], bool]
    clock: Clock
    entropy: Entropy


class HttpConnection:
    """A connection. Run it once; other tasks may call `close`."""

    def __init__(self, listening: Listening, stream: trio.SocketStream) -> None:
        self._listening = listening
        self._stream = stream
        self._socket = stream.socket
        self._arrived = bytearray()
        self._peer: Peer = None
        self._phase = Phase.IDLE
        self._deadline = inf
        self._has_asked = False
        self._waits_since = trio.current_time()

    async def run(self) -> None:
        """Serve the connection to its end. It raises for nothing that a client does."""
        try:
            self._peer = _ip_and_port(self._socket.getpeername())
            if await self._is_let_in():
                self._become_idle()
                while await self._serve_one():
                    pass
        except OSError:
            pass  # the peer is gone
        except Exception as error:  # noqa: BLE001 - other connections go on, whatever a stranger sent
            _log.error("connection failed", exc_info=error)
        finally:
            self._socket.close()

    @property
    def is_waiting(self) -> bool:
        """Whether the connection waits for its client, so that ending it loses no work."""
        return self._phase not in (Phase.WORKING, Phase.ENDED)

    @property
    def worth(self) -> tuple[bool, float]:
        """The order in which connections make room: first those without an answer so far, then the longest waiting."""
        return self._has_asked, self._waits_since

    def close_if_idle(self) -> None:
        """End the connection unless a request has begun. For the shutdown."""
        if self._phase is Phase.IDLE:
            self.close()

    def close_if_overdue(self, now: float) -> None:
        """End the connection if its client was idle, or slow with a head, for too long.

        Call it now and then. A timer for each wait would cost more than the wait.
        """
        if self._deadline < now:
            self.close()

    def close(self) -> None:
        """End the connection, which must be waiting. Nothing more is read or written."""
        self._enter(Phase.ENDED)
        trio.lowlevel.notify_closing(self._socket)

    async def _is_let_in(self) -> bool:
        """Whether there is a place, and the peer is an expected one. If not, the connection ends without an answer."""
        is_trusted = _is_one_of(self._peer, self._listening.rules.trusted_proxies)
        if not self._take_place(is_trusted=is_trusted):
            return False
        if not self._listening.rules.expects_proxy_protocol:
            return True
        if not is_trusted:
            _log.warning("connection refused: the PROXY protocol is on and the peer is no trusted proxy")
            return False
        return await self._read_proxy_header()

    async def _read_proxy_header(self) -> bool:
        self._enter(Phase.HEAD)
        self._deadline = trio.current_time() + HEAD_SECONDS
        try:
            while (header := read_proxy_header(bytes(self._arrived[:MAX_HEADER_BYTES]))) is None:
                if not await self.read_more():
                    return False
        except BadProxyHeader:
            _log.warning("connection refused: a trusted proxy did not begin with the PROXY protocol")
            return False
        del self._arrived[: header.length]
        self._peer = header.source or self._peer
        return header.source is None or self._take_place(is_trusted=False)

    def _take_place(self, *, is_trusted: bool) -> bool:
        network = None if self._peer is None or is_trusted else parse_network(self._peer[0]).text
        return self._listening.places.take(self, network)

    async def _serve_one(self) -> bool:
        """Read a request and answer it. False if the connection must end."""
        try:
            head = await self._next_head()
        except BadRequest as bad:
            await self._refuse(bad)
            return False
        if head is None:
            return False
        body = RequestBody(self, head)
        answer = Answer(self, head, self._listening.clock, self._listening.entropy, self._listening.rules.cors)
        self._enter(Phase.WORKING)
        await self._handle(head, body, answer)
        self._has_asked = True
        if not body.is_whole:
            await self._linger()
        if answer.must_close or self._phase is Phase.ENDED:
            return False
        self._become_idle()
        return True

    async def _next_head(self) -> Head | None:
        """The head of the next request, or None if the connection ends first.

        Raises `BadRequest`, and keeps the bytes of the head for the answer to it.
        """
        seen = blank_lines = 0
        must_rest = bool(self._arrived)  # a client that sends many requests at once must not keep others waiting
        while True:
            blank_lines += self._skip_blank_lines()
            if blank_lines > _MAX_BLANK_LINES:
                raise BadRequest
            end = find_end(self._arrived, min(seen, len(self._arrived))) if self._arrived else -1
            if end >= 0:
                break
            seen = len(self._arrived)
            if self._arrived and self._phase is Phase.IDLE:
                self._enter(Phase.HEAD)
                self._deadline = trio.current_time() + HEAD_SECONDS
            if not await self.read_more():
                return None
            must_rest = False
        if must_rest:
            await trio.lowlevel.checkpoint()
        head = parse_head(bytes(self._arrived[:end]))
        del self._arrived[: end + 4]
        return head

    def _skip_blank_lines(self) -> int:
        """Drop empty lines before a request (RFC 9112 §2.2), and return their number. They are no part of it."""
        end = 0
        while self._arrived.startswith(b"\r\n", end):
            end += 2
        if end:
            del self._arrived[:end]
        return end // 2

    async def _handle(self, head: Head, body: RequestBody, answer: Answer) -> None:
        plain, scope = self._listening.plain, self._scope(head)
        match = None if plain is None else plain.match(scope)
        if plain is None or match is None:
            await run_app(self._listening.app, head, self._peer, body.receive, answer.send, answer.give_up)
            return
        try:
            await plain.answer(match, scope, body.receive, answer.send, body.take_whole(), self)
        except Exception as error:  # noqa: BLE001 - a fault of an endpoint becomes an answer, and ends this connection
            await answer.give_up(error)

    def _scope(self, head: Head) -> Scope:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.1"},
            "http_version": head.version,
            "method": head.method,
            "scheme": "http",
            "path": "",
            "raw_path": head.path,
            "query_string": head.query,
            "root_path": "",
            "headers": head.fields,
            "client": self._peer,
            "server": None,
        }

    async def _refuse(self, bad: BadRequest) -> None:
        """Answer a malformed request with an error envelope, and give the client time to read it."""
        too_large = isinstance(bad, HeadTooLarge)
        code = ErrorCode.REQUEST_TOO_LARGE if too_large else ErrorCode.INVALID_REQUEST
        response = refusal(code, "request head too large" if too_large else "malformed HTTP request")
        extra = self._listening.rules.cors.fields_of_refused(self._arrived)
        await self.write(whole_answer(response, extra, self._listening.clock, self._listening.entropy))
        await self._linger()

    async def _linger(self) -> None:
        """Drop further bytes for a while, then end the connection.

        Closing with unread bytes would reset the connection, and the client might lose the answer.
        """
        self._arrived.clear()
        self._enter(Phase.ANSWERING)
        if not self._shut_down_writing():
            self._enter(Phase.ENDED)
        with trio.move_on_after(LINGER_SECONDS):
            while await self.read_more():
                self._arrived.clear()
        self._enter(Phase.ENDED)

    def _shut_down_writing(self) -> bool:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False  # the client is gone already
        return True

    async def read_more(self) -> bool:
        """Wait for bytes and keep them in `_arrived`. False if no more will come."""
        while self._phase is not Phase.ENDED and self._socket.fileno() >= 0:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                data = os.read(self._socket.fileno(), _READ_BYTES)
            except BlockingIOError:  # the system said readable, but it was not
                continue
            except (OSError, trio.ClosedResourceError):
                break
            self._arrived += data
            return bool(data)
        return False

    async def until_gone(self) -> None:
        """Wait until the client hangs up or sends no more, while its request is held. Further requests are kept.

        A client that sends more than a head meanwhile is not watched any more.
        """
        while len(self._arrived) < MAX_HEAD_BYTES:
            if not await self.read_more():
                return
        await trio.sleep_forever()

    def keep_place(self) -> None:
        """Move to the places of held requests, for as long as the connection lives."""
        self._listening.places.keep(self)

    async def read_body(self, framing: Framing) -> bytes | None:
        """The next part of a body, or None if the connection ends first. Raises `BadRequest`."""
        content = framing.take(self._arrived)
        if content or framing.is_whole:
            return content
        self._enter(Phase.BODY)
        try:
            while not content and not framing.is_whole:
                if not await self.read_more():
                    return None
                content = framing.take(self._arrived)
        finally:
            self._enter(Phase.WORKING)
        return content

    def take_body(self, head: Head) -> bytes | None:
        """The whole body if it has a known and short length and has arrived, else None."""
        if head.length is None or head.length > min(MAX_BODY_BYTES, len(self._arrived)):
            return None
        body = bytes(self._arrived[: head.length])
        del self._arrived[: head.length]
        return body

    async def write(self, data: bytes) -> None:
        """Write all of `data`, or end the connection if the client does not read it within `WRITE_SECONDS`."""
        unsent = data[self._write_at_once(data) :]
        if unsent:
            await self._write_in_time(unsent)

    def _write_at_once(self, data: bytes) -> int:
        """Write without waiting; return the number of bytes, nearly always all. A broken connection takes none.

        The wait that follows then finds the fault.
        """
        try:
            return os.write(self._socket.fileno(), data)
        except OSError:
            return 0

    async def _write_in_time(self, data: bytes) -> None:
        phase = self._phase
        self._enter(Phase.ANSWERING)
        with trio.CancelScope(shield=True, deadline=trio.current_time() + WRITE_SECONDS):
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            else:
                self._enter(phase)
                return
        self._enter(Phase.ENDED)

    def _enter(self, phase: Phase) -> None:
        if self._phase is Phase.ENDED:
            return
        self._phase = phase
        self._deadline = inf
        if phase is not Phase.WORKING:
            self._waits_since = trio.current_time()

    def _become_idle(self) -> None:
        self._enter(Phase.IDLE)
        self._deadline = self._waits_since + self._listening.rules.keep_alive.total_seconds()
        if self._listening.is_stopping():
            self.close()


def _is_one_of(peer: Peer, networks: tuple[IpNetwork, ...]) -> bool:
    address = ip_address(UNIX_PEER if peer is None else peer[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in networks)


def _ip_and_port(address: Any) -> Peer:
    """The peer by a socket's address; None for a Unix socket."""
    return None if isinstance(address, str) else (address[0], address[1])
