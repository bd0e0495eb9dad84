"""The one room for every URL that came in over the API (SPEC §18.4). Operators type such URLs, so none is trusted.

Nothing else may open a connection for them; a test of the import rules holds that. What the environment configures has
its own clients, `shared.io.http_client` and `shared.io.smtp`.
"""

import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Literal

import h11
import trio

from shared.io.egress_dial import Dialer, NotConnected, Resolve, SystemResolver, discard
from shared.io.http_answer import AnswerReader, Unacceptable
from shared.io.smtp import Smtp, SmtpServer, open_smtp
from shared.kernel.address import TcpAddress
from shared.kernel.egress_rules import EgressResult, EgressRules, HttpTarget, Target, parse_http_url, parse_smtp_address
from shared.telemetry import tracing

MAX_ANSWER_BYTES = 64 * 1024
"""The limit of an answer as it arrives, with its heads."""
_READ_BYTES = 16 * 1024
_MAX_CALLS = 200
"""Calls of one process at once. Callers bound their own number below that."""
_OUR_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class EgressAnswer:
    """An answer with any status but 3xx. `body` is for the caller alone: it is never logged, kept or shown.

    With `is_cut` the answer was longer than `MAX_ANSWER_BYTES`; `body` is then empty.
    """

    status: int
    body: bytes = field(repr=False)
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class NoEgress:
    """No answer, for this reason. With `timeout` and `protocol_error` the request may have had its effect."""

    result: EgressResult


class Egress:
    """Calls to far ends that came in over the API. One for a process; it holds no connection between two calls."""

    def __init__(
        self,
        rules: EgressRules,
        *,
        proxy: TcpAddress | None = None,
        own: Sequence[TcpAddress] = (),
        resolve: Resolve | None = None,
    ) -> None:
        """`own` are this installation's servers and listeners, which no rule opens. `resolve` is for tests.

        Raises `OSError` if the system's certificates cannot be read.
        """
        self._dialer = Dialer(rules, proxy=proxy, own=own, resolve=resolve or SystemResolver())
        self._rules = rules
        self._tls = ssl.create_default_context()
        self._free = trio.Semaphore(_MAX_CALLS)

    def refusal_of_url(self, url: str) -> EgressResult | None:
        """The word with which `call` would refuse the form of the URL; None if it is right. Resolves nothing."""
        target = parse_http_url(url, self._rules)
        return None if isinstance(target, HttpTarget) else target

    async def call(
        self,
        method: Method,
        url: str,
        *,
        timeout: timedelta,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> EgressAnswer | NoEgress:
        """Make one call on a connection of its own, within `timeout`, all included. It is never repeated.

        The caller names `content-type`. A redirect is not followed: it is `protocol_error`, as are headers that belong
        to HTTP itself, and an answer that is not sound HTTP/1.1.
        """
        target = parse_http_url(url, self._rules)
        if not isinstance(target, HttpTarget):
            return NoEgress(target)
        request = _request_bytes(method, target, headers or {}, body)
        if request is None:
            return NoEgress("protocol_error")
        with trio.move_on_after(timeout.total_seconds()), tracing.http_call(method, target.host, target.port) as span:
            async with self._free:
                answer = await self._exchange(target, request)
            if isinstance(answer, EgressAnswer):
                tracing.tell_status(span, answer.status)
            else:
                tracing.tell_no_answer(span, answer.result)
            return answer
        return NoEgress("timeout")

    @asynccontextmanager
    async def open_smtp(self, server: SmtpServer, *, local_name: str) -> AsyncGenerator[Smtp]:
        """Mails through a server that came in over the API: `Smtp`, each of its connections opened by these rules.

        Reasons of its results may also be `blocked_address`, `dns_failed` and `protocol_error`.
        """
        dial = partial(self._dial_smtp, server)
        async with open_smtp(server, local_name=local_name, dial=dial, tls=self._tls) as smtp:
            yield smtp

    async def _dial_smtp(self, server: SmtpServer) -> trio.SocketStream:
        target = _smtp_target(server, self._rules)
        if not isinstance(target, Target):
            raise NotConnected(target)
        return await self._dialer.dial(target)

    async def _exchange(self, target: HttpTarget, request: bytes) -> EgressAnswer | NoEgress:
        try:
            stream = await self._connect(target)
        except NotConnected as fault:
            return NoEgress(fault.result)
        try:
            await stream.send_all(request)
            return await _read_answer(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return NoEgress("unreachable")
        finally:
            await discard(stream)

    async def _connect(self, target: Target) -> trio.abc.Stream:
        plain = await self._dialer.dial(target)
        if target.is_plain:
            return plain
        secured = trio.SSLStream(plain, self._tls, server_hostname=target.host, https_compatible=True)
        try:
            await secured.do_handshake()
        except BaseException as error:
            await discard(plain)
            if isinstance(error, trio.BrokenResourceError):
                raise NotConnected("tls_failed") from None
            raise
        return secured


def _smtp_target(server: SmtpServer, rules: EgressRules) -> Target | EgressResult:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return parse_smtp_address(f"{host}:{server.port}", is_plain=server.tls == "off", rules=rules)


def _request_bytes(method: str, target: HttpTarget, headers: Mapping[str, str], body: bytes | None) -> bytes | None:
    """The request as it is sent; None if a header is not sound, or is not the caller's to name."""
    ours = {
        "host": target.authority,
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "authsession",
    }
    given = {name.lower(): value for name, value in headers.items()}
    if _OUR_HEADERS & given.keys():
        return None
    length = {} if body is None and method == "GET" else {"content-length": str(len(body or b""))}
    connection = h11.Connection(h11.CLIENT)
    try:
        fields = list({**ours, **given, **length, "connection": "close"}.items())
        head = connection.send(h11.Request(method=method, target=target.resource, headers=fields))
    except (h11.LocalProtocolError, UnicodeEncodeError):  # its text may hold a key
        return None
    return (head or b"") + (body or b"")


async def _read_answer(stream: trio.abc.Stream) -> EgressAnswer | NoEgress:
    reader = AnswerReader()
    arrived = 0
    try:
        while data := await stream.receive_some(min(_READ_BYTES, MAX_ANSWER_BYTES - arrived)):
            arrived += len(data)
            if reader.take(bytes(data)) is not None:
                return _judged(reader)
            if arrived >= MAX_ANSWER_BYTES:
                return _judged(reader, is_cut=True)
    except Unacceptable as fault:
        return _judged(reader, is_cut=True) if fault.failure == "too_large" else NoEgress("protocol_error")
    if reader.end():
        return _judged(reader)
    return NoEgress("protocol_error" if arrived else "unreachable")


def _judged(reader: AnswerReader, *, is_cut: bool = False) -> EgressAnswer | NoEgress:
    status = reader.status
    if status is None or 300 <= status <= 399:
        return NoEgress("protocol_error")
    return EgressAnswer(status, b"" if is_cut else reader.body, is_cut)
