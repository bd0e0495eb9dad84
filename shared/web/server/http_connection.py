"""One HTTP/1.1 connection: reads requests, has them answered, writes the answers. Every wait on the client is bounded.

Requests are handled one after the other, in the task of the connection. Nothing watches for a disconnect while one is
handled, so a client that hangs up cannot cancel it. Why not a server of others: docs/decisions/0042-the-wire.md.
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
from shared.http.request_head import BadRequest, Head, HeadTooLarge, find_end, parse_head
from shared.kernel.network import IpNetwork, parse_network
from shared.web.asgi import AsgiApp, Scope
from shared.web.client_address import UNIX_PEER
from shared.web.connection import MAX_BODY_BYTES
from shared.web.refusals import refusal
from shared.web.server.http_exchange import Answer, RequestBody, whole_answer
from shared.web.server.hypercorn_app import run_app
from shared.web.server.places import Places
from shared.web.server.plain_requests import PlainRequests

HEAD_SECONDS = 10.0
"""From the first byte of a request to the end of its head."""
WRITE_SECONDS = 30.0
"""How long one answer may wait for a client that does not read."""
LINGER_SECONDS = 1.0
"""How long what still arrives is dropped after an answer to a request that was not read to its end."""
_READ_BYTES = 16 * 1024
_MAX_BLANK_LINES = 32
"""Before one request. Old clients send one; without a bound a stream of them would cost us more than its sender."""
_log = logging.getLogger("authsession.server.http_connection")

Peer = tuple[str, int] | None
"""IP address and port; None on a Unix socket."""


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
    """`keep_alive`: how long an idle connection is kept. The default is longer than the 60 s of common proxies.

    `trusted_proxies` have no bound of their own. With `expects_proxy_protocol` they alone may connect, and each
    connection begins with a header of the PROXY protocol.
    """

    keep_alive: timedelta = timedelta(seconds=75)
    trusted_proxies: tuple[IpNetwork, ...] = ()
    expects_proxy_protocol: bool = False


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Listening:
    """What the connections of one listener share. `plain` answers its routes; everything else is the app's."""

    app: AsgiApp
    plain: PlainRequests | None
    rules: Rules
    places: Places
    is_stopping: Callable[[], bool]


class HttpConnection:
    """One connection. Run it once; `close` may be called by others."""

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
        """Serve the connection to its end; what the client does to it never raises."""
        try:
            self._peer = _ip_and_port(self._socket.getpeername())
            if await self._is_let_in():
                self._become_idle()
                while await self._serve_one():
                    pass
        except OSError:
            pass  # the peer is gone
        except Exception as error:  # noqa: BLE001 - whatever a stranger sent, other connections go on
            _log.error("connection failed", exc_info=error)
        finally:
            self._socket.close()

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its client, so that ending it loses no work of ours."""
        return self._phase not in (Phase.WORKING, Phase.ENDED)

    @property
    def worth(self) -> tuple[bool, float]:
        """To choose who makes room: a client that never had an answer is worth less, then one that waits longer."""
        return self._has_asked, self._waits_since

    def close_if_idle(self) -> None:
        """At shutdown: end the connection now unless a request has begun."""
        if self._phase is Phase.IDLE:
            self.close()

    def close_if_overdue(self, now: float) -> None:
        """End the connection if its client was silent, or slow with a head, for too long. To be called now and then:
        a timer for each wait would cost more than the wait."""
        if self._deadline < now:
            self.close()

    def close(self) -> None:
        """End the connection, which must be waiting: nothing more is read from it or written to it."""
        self._enter(Phase.ENDED)
        trio.lowlevel.notify_closing(self._socket)

    async def _is_let_in(self) -> bool:
        """Whether there is a place, and the peer is whom we expect. The client is told by the end of its connection."""
        is_trusted = _is_one_of(self._peer, self._listening.rules.trusted_proxies)
        if not self._take_place(is_trusted=is_trusted):
            return False
        if not self._listening.rules.expects_proxy_protocol:
            return True
        if not is_trusted:
            _log.warning("a peer that is no trusted proxy was refused: the PROXY protocol is on")
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
            _log.warning("a trusted proxy was refused: its connection does not begin with the PROXY protocol")
            return False
        del self._arrived[: header.length]
        self._peer = header.source or self._peer
        return header.source is None or self._take_place(is_trusted=False)

    def _take_place(self, *, is_trusted: bool) -> bool:
        network = None if self._peer is None or is_trusted else parse_network(self._peer[0]).text
        return self._listening.places.take(self, network)

    async def _serve_one(self) -> bool:
        """Read one request and answer it. False when the connection is over."""
        try:
            head = await self._next_head()
        except BadRequest as bad:
            await self._refuse(bad)
            return False
        if head is None:
            return False
        body = RequestBody(self, head)
        answer = Answer(self, head)
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
        """The head of the next request; None when the connection ends before it is whole."""
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
        data = bytes(self._arrived[:end])
        del self._arrived[: end + 4]
        if must_rest:
            await trio.lowlevel.checkpoint()
        return parse_head(data)

    def _skip_blank_lines(self) -> int:
        """Empty lines before a request are ignored (RFC 9112 §2.2), and counted. They are not its first byte."""
        end = 0
        while self._arrived.startswith(b"\r\n", end):
            end += 2
        if end:
            del self._arrived[:end]
        return end // 2

    async def _handle(self, head: Head, body: RequestBody, answer: Answer) -> None:
        plain, scope = self._listening.plain, self._scope(head)
        route = None if plain is None else plain.route_of(scope)
        if plain is None or route is None:
            await run_app(self._listening.app, head, self._peer, body.receive, answer.send, answer.give_up)
            return
        try:
            await plain.answer(route, scope, body.receive, answer.send, body.take_whole())
        except Exception as error:  # noqa: BLE001 - a fault of an endpoint is an answer, and ends this connection alone
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
        """Answer what is no request, in the envelope, and let the client read that."""
        too_large = isinstance(bad, HeadTooLarge)
        code = ErrorCode.REQUEST_TOO_LARGE if too_large else ErrorCode.INVALID_REQUEST
        response = refusal(code, "request head too large" if too_large else "malformed HTTP request")
        await self.write(whole_answer(response))
        await self._linger()

    async def _linger(self) -> None:
        """Drop what still arrives for a while: closing with bytes unread would reset the connection, and the client
        might lose the answer."""
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
            return False  # they are gone already
        return True

    async def read_more(self) -> bool:
        """Wait for bytes and keep them in `arrived`; False when there will be none."""
        while self._phase is not Phase.ENDED and self._socket.fileno() >= 0:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                data = os.read(self._socket.fileno(), _READ_BYTES)
            except BlockingIOError:  # readable, said the system, and then it was not
                continue
            except (OSError, trio.ClosedResourceError):
                break
            self._arrived += data
            return bool(data)
        return False

    async def read_body(self, framing: Framing) -> bytes | None:
        """The next part of a body; None when the connection ends before it. Raises `BadRequest`."""
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
        """The whole body, if it was told to be short and has arrived; None otherwise."""
        if head.length is None or head.length > min(MAX_BODY_BYTES, len(self._arrived)):
            return None
        body = bytes(self._arrived[: head.length])
        del self._arrived[: head.length]
        return body

    async def write(self, data: bytes) -> None:
        """Write all of `data`, or end the connection if the client does not take it in time."""
        unsent = data[self._write_at_once(data) :]
        if unsent:
            await self._write_in_time(unsent)

    def _write_at_once(self, data: bytes) -> int:
        """How many bytes the system takes now: nearly always all. Of a broken connection none; waiting tells why."""
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
    """Of a socket's address; None for a Unix socket."""
    return None if isinstance(address, str) else (address[0], address[1])
