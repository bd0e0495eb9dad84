"""The body of a request and its answer as ASGI messages. An answer is written at once when it is whole.

`shared.web.server.http_connection` has the socket and every wait for the client.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol
from wsgiref.handlers import format_date_time

from shared.http.request_body import Framing, framing_of
from shared.http.request_head import BadRequest, Field, Head
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.request_id import request_id_for
from shared.web.asgi import Message
from shared.web.cors import NO_CORS, Cors
from shared.web.exchange import Response
from shared.web.refusals import answer_to

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(Protocol):
    """The part of a connection that an exchange needs."""

    async def read_body(self, framing: Framing) -> bytes | None: ...

    def take_body(self, head: Head) -> bytes | None: ...

    async def write(self, data: bytes) -> None: ...


class RequestBody:
    """The body of a request as ASGI's `receive`."""

    __slots__ = ("_awaits_continue", "_connection", "_framing", "_has_ended", "_head")

    def __init__(self, connection: Wire, head: Head) -> None:
        self._connection = connection
        self._head = head
        self._framing = framing_of(head.length)
        self._has_ended = False
        self._awaits_continue = head.expects_continue

    @property
    def is_whole(self) -> bool:
        """Whether the body was read to its end, where the next request begins."""
        return self._framing.is_whole

    def take_whole(self) -> bytes | None:
        """The body if it is short and has arrived already, else None."""
        body = self._connection.take_body(self._head)
        if body is not None:
            self._framing = framing_of(0)
        return body

    async def receive(self) -> Message:
        """The next part of the body, or `http.disconnect`, with `is_malformed` if the framing is malformed."""
        if self._has_ended:
            return {"type": "http.disconnect"}
        if self._awaits_continue:
            self._awaits_continue = False
            await self._connection.write(_CONTINUE)
        try:
            content = await self._connection.read_body(self._framing)
        except BadRequest:
            self._has_ended = True
            return {"type": "http.disconnect", "is_malformed": True}
        if content is None:
            self._has_ended = True
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": content, "more_body": not self._framing.is_whole}


class Answer:
    """An answer as ASGI's `send`. It is written at once when it is whole."""

    __slots__ = ("_clock", "_connection", "_cors", "_entropy", "_head", "_is_sent", "_unsent", "must_close")

    def __init__(self, connection: Wire, head: Head, clock: Clock, entropy: Entropy, cors: Cors = NO_CORS) -> None:
        """`cors` adds the fields that let a page of another origin read the answer, whoever made it."""
        self._head = head
        self._cors = cors
        self._connection = connection
        self._clock = clock
        self._entropy = entropy
        self._unsent = bytearray()
        self._is_sent = False
        self.must_close = head.is_last

    @property
    def _has_body(self) -> bool:
        return self._head.method != "HEAD"

    async def send(self, message: Message) -> None:
        """Take a message of the answer. Messages after its end are ignored."""
        if self._is_sent:
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], message["headers"])
            return
        if self._has_body:
            self._unsent += message.get("body", b"")
        if not message.get("more_body", False):
            await self._finish()

    async def give_up(self, error: Exception) -> None:
        """Answer a fault of the app, unless an answer was sent; drop one that was only begun. The connection ends."""
        response = answer_to(error)
        self.must_close = True
        if not self._is_sent:
            extra = self._cors.fields(self._head.fields)
            self._unsent[:] = whole_answer(response, extra, self._clock, self._entropy, has_body=self._has_body)
            await self._finish()

    def _begin(self, status: int, fields: Iterable[Field]) -> None:
        fields = [*fields, *self._cors.fields(self._head.fields)]
        if (b"connection", b"close") in fields:
            self.must_close = True
        elif self.must_close:
            fields.append((b"connection", b"close"))
        self._unsent += _head_bytes(status, fields, self._clock)

    async def _finish(self) -> None:
        if not self._is_sent:
            self._is_sent = True
            await self._connection.write(bytes(self._unsent))


def _head_bytes(status: int, fields: Iterable[Field], clock: Clock) -> bytes:
    lines = [b"HTTP/1.1 %d \r\n" % status]
    lines += [b"%b: %b\r\n" % field for field in fields]
    lines += (_date_line(int(clock.now().timestamp())), b"\r\n")
    return b"".join(lines)


def whole_answer(
    response: Response, extra: Iterable[Field], clock: Clock, entropy: Entropy, *, has_body: bool = True
) -> bytes:
    """The bytes of an answer that the server makes itself, with `extra` fields. The connection ends after it."""
    fields = [
        (b"content-type", b"application/json"),
        *response.headers,
        (b"content-length", b"%d" % len(response.body)),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id_for(None, entropy).encode("ascii")),
        *extra,
        (b"connection", b"close"),
    ]
    return _head_bytes(response.status, fields, clock) + (response.body if has_body else b"")


@lru_cache(maxsize=1)
def _date_line(second: int) -> bytes:
    """The header line `date` for a second since 1970 (RFC 9110 §6.6.1)."""
    return b"date: %b\r\n" % format_date_time(second).encode("ascii")
