"""Asks the control plane over HTTP. Every answer is bounded in size and time."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

import anyio
import httpx

from clients.node.identity import Identity
from clients.node.machine import random_id
from clients.node.notices import Denied, Reached, Unreached
from clients.node.server_clock import ServerClock
from clients.node.settings import NodeSettings
from contracts.errors import Refusal
from contracts.strict_json import decode_object, read_object, read_text

Method: TypeAlias = Literal["GET", "POST", "PUT"]

MAX_REFUSAL_BYTES = 16 * 1024
MAX_RETRY_AFTER = 300.0
"""Seconds. A longer `Retry-After` counts as this."""
_CONNECT_TIMEOUT = 3.0


class Unavailable(Exception):
    """No control plane gave a usable answer. The message is a kind, such as `timeout` or `status_502`."""

    def __init__(self, why: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.status = status
        self.retry_after = retry_after


class Denial(Exception):
    """The control plane refused the request with a code of its error table."""

    def __init__(self, status: int, code: str, retry_after: float | None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `most_bytes` bounds the answer's body, and `timeout` the whole exchange, in seconds."""

    method: Method
    target: str
    body: bytes = b""
    most_bytes: int = MAX_REFUSAL_BYTES
    timeout: float = 10.0
    content: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    is_signed: bool = True
    is_for_collector: bool = False
    """An answer 5xx is then about the collector, so it does not say that the control plane is away."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with status 200. The times are this machine's, in milliseconds."""

    body: bytes = field(repr=False)
    request_id: str
    sent_ms: float
    received_ms: float
    is_by_next_keys: bool


class Link:
    """The control plane at one or more URLs. An answer below 500 settles a request; else the next URL is asked."""

    def __init__(self, settings: NodeSettings, identity: Identity, clock: ServerClock) -> None:
        self._urls = tuple(url.rstrip("/") for url in settings.control_planes)
        self._identity = identity
        self._clock = clock
        self._on_notice = settings.on_notice
        self._first = 0
        self._is_reached: bool | None = None
        self._denied_for: str | None = None
        self._client = httpx.AsyncClient(
            verify=True if settings.tls is None else settings.tls,
            follow_redirects=False,
            headers={"accept-encoding": "identity"},
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    def turn(self) -> None:
        """Begins with the next URL from now on."""
        self._first = (self._first + 1) % len(self._urls)

    async def ask(self, ask: Ask) -> Reply:
        """The answer of the first URL that gives one. Raises `Unavailable` and `Denial`."""
        problem = Unavailable("unreached")
        for _ in self._urls:
            try:
                reply = await self._settle(ask)
            except Unavailable as unavailable:
                problem = unavailable
                self.turn()
                continue
            except Denial as denial:
                self._note(is_reached=True, code=denial.code)
                raise
            self._note(is_reached=True)
            return reply
        if not (ask.is_for_collector and problem.status is not None):
            self._note(is_reached=False, code=problem.why)
        raise problem

    async def _settle(self, ask: Ask) -> Reply:
        """Asks one URL; once more if the refusal says that our clock or our key is the wrong one."""
        try:
            return await self._ask_once(ask)
        except _Repairable as refused:
            if not self._repair(refused):
                raise refused.denial from None
        try:
            return await self._ask_once(ask)
        except _Repairable as refused:
            raise refused.denial from None

    def _repair(self, refused: "_Repairable") -> bool:
        if refused.denial.code == "timestamp_out_of_window":
            return self._clock.hint(refused.date)
        return self._identity.try_other_keys()

    async def _ask_once(self, ask: Ask) -> Reply:
        request_id, is_by_next, sent_ms = random_id(), self._identity.uses_next, self._clock.machine_ms()
        headers = {**ask.content} if ask.body else {}
        if ask.is_signed:
            timestamp_ms, message_type = self._clock.request_ms(), f"{ask.method} {ask.target}"
            headers |= self._identity.sign(message_type, ask.body, timestamp_ms=timestamp_ms, request_id=request_id)
        response, body = await self._exchange(ask, headers)
        if response.status_code == 200:
            return Reply(body, request_id, sent_ms, self._clock.machine_ms(), is_by_next)
        raise _refusal(response, body, can_repair=ask.is_signed)

    async def _exchange(self, ask: Ask, headers: Mapping[str, str]) -> tuple[httpx.Response, bytes]:
        request = self._client.build_request(
            ask.method,
            self._urls[self._first] + ask.target,
            headers={**headers, "content-length": str(len(ask.body))} if ask.body else dict(headers),
            timeout=httpx.Timeout(ask.timeout, connect=min(_CONNECT_TIMEOUT, ask.timeout)),
        )
        request.stream = _Body(ask.body)
        try:
            with anyio.fail_after(ask.timeout):
                response = await self._client.send(request, stream=True)
                try:
                    return response, await _read(response, ask.most_bytes)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise Unavailable("timeout") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, anyio.BrokenResourceError):
            raise Unavailable("connection") from None

    def _note(self, *, is_reached: bool, code: str | None = None) -> None:
        """Tells each change once."""
        if is_reached and code is not None and code != self._denied_for:
            self._on_notice(Denied(code))
        self._denied_for = code if is_reached else None
        if is_reached != self._is_reached:
            self._is_reached = is_reached
            self._on_notice(Reached() if is_reached else Unreached(code or "unreached"))


class _Repairable(Exception):
    """A refusal that a repeat with another time or key may cure."""

    def __init__(self, denial: Denial, date: str | None) -> None:
        super().__init__(denial.code)
        self.denial = denial
        self.date = date


class _Body(httpx.AsyncByteStream):
    """A request's body. httpx' own is a generator, which trio complains about after a cancelled request."""

    def __init__(self, content: bytes) -> None:
        self._left = content

    def __aiter__(self) -> "_Body":
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        piece, self._left = self._left, b""
        return piece


async def _read(response: httpx.Response, most_bytes: int) -> bytes:
    """The body as it came. A compressed one is refused unread: its size is not known before it is unpacked."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unavailable("encoded_answer")
    limit = most_bytes if response.status_code == 200 else max(most_bytes, MAX_REFUSAL_BYTES)
    pieces: list[bytes] = []
    size = 0
    async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_raw())) as arriving:
        async for piece in arriving:
            size += len(piece)
            if size > limit:
                raise Unavailable("answer_too_large")
            pieces.append(piece)
    return b"".join(pieces)


def _refusal(response: httpx.Response, body: bytes, *, can_repair: bool) -> Exception:
    status, retry_after = response.status_code, _retry_after(response)
    code = _code(body)
    if status >= 500 or status < 400 or code is None:
        return Unavailable(f"status_{status}", status, retry_after)
    denial = Denial(status, code, retry_after)
    if can_repair and code in ("timestamp_out_of_window", "invalid_signature"):
        return _Repairable(denial, response.headers.get("date"))
    return denial


def _code(body: bytes) -> str | None:
    """The code of an error answer; None for a body that our control plane never sends."""
    try:
        return read_text(read_object(decode_object(body), "error"), "code")[:64]
    except Refusal:
        return None


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), MAX_RETRY_AFTER) if text.isascii() and text.isdecimal() and len(text) < 10 else None
