"""Requests in the one form that nearly every client of the hot routes sends, read and answered without a framework.

`find` takes a strict subset of HTTP/1.1 (RFC 9112), whole and alone in what has arrived: an exact request line, fields
of visible ASCII, one `Host`, one short `Content-Length`, no field that changes how a message is framed or a connection
is kept. Everything else, right or wrong, is None and h11's to judge, so that there is one parser for what is unusual.
Why: docs/decisions/0003-plain-requests.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from shared.web.asgi import Message, Scope
from shared.web.connection import MAX_BODY_BYTES, Connection
from shared.web.edge import Edge
from shared.web.exchange import Route

Peer = tuple[str, int] | None

_MOST_HEAD_BYTES = 8 * 1024
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[!-~](?:[ \t!-~]*[!-~])?)?)[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,5}")
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer", b"proxy-connection"})


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """One whole request for a hot route."""

    route: Route
    scope: Scope
    body: bytes


class PlainRequests:
    """The hot routes of one listener: exact paths, no parameters. Let its ASGI app serve them too."""

    def __init__(self, routes: Iterable[Route], edge: Edge) -> None:
        self._routes = {f"{route.method} {route.path} HTTP/1.1".encode("ascii"): route for route in routes}
        self._edge = edge

    def find(self, data: bytes, peer: Peer) -> PlainRequest | None:
        """The request that `data` is, if it is one and plain. Never raises."""
        route = self._routes.get(data[: data.find(b"\r\n")])
        end = data.find(b"\r\n\r\n", 0, _MOST_HEAD_BYTES)
        if route is None or end < 0:
            return None
        fields = _plain_fields(data[:end].split(b"\r\n")[1:])
        if fields is None or len(data) != end + 4 + _content_length(fields):
            return None
        return PlainRequest(route, _scope(route, fields, peer), data[end + 4 :])

    async def answer(self, request: PlainRequest, date: tuple[bytes, bytes]) -> tuple[bytes, bool]:
        """The answer as it goes on the wire, and whether the connection ends after it. Never raises."""
        exchange = _Exchange(date)
        connection = Connection(self._edge, request.scope, _receive_the_end, exchange.send, whole_body=request.body)
        await connection.send(await connection.answer(request.route, {}))
        return bytes(exchange.written), exchange.must_close


async def _receive_the_end() -> Message:
    """For an answer given without reading the body, which then ends the connection."""
    return {"type": "http.request", "body": b"", "more_body": False}


class _Exchange:
    """Takes the answer, as an ASGI server would."""

    def __init__(self, date: tuple[bytes, bytes]) -> None:
        self.written = bytearray()
        self.must_close = False
        self._date = date

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.written += message["body"]
            return
        self.written += b"HTTP/1.1 %d \r\n" % message["status"]
        for name, value in (*message["headers"], self._date):
            self.written += b"%b: %b\r\n" % (name, value)
            self.must_close |= name == b"connection"
        self.written += b"\r\n"


def _plain_fields(lines: Iterable[bytes]) -> list[tuple[bytes, bytes]] | None:
    """Names in lower case; None when a field is not plain."""
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name, value = field[1].lower(), field[2]
        if name in _UNUSUAL or (name == b"connection" and value.lower() != b"keep-alive"):
            return None
        fields.append((name, value))
    return fields if [name for name, _ in fields].count(b"host") == 1 else None


def _content_length(fields: Iterable[tuple[bytes, bytes]]) -> int:
    """Of the body; -1 when that is not said once and plainly."""
    lengths = [value for name, value in fields if name == b"content-length"]
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or int(lengths[0]) > MAX_BODY_BYTES:
        return -1
    return int(lengths[0])


def _scope(route: Route, fields: list[tuple[bytes, bytes]], peer: Peer) -> Scope:
    return {
        "type": "http",
        "method": route.method,
        "raw_path": route.path.encode("ascii"),
        "query_string": b"",
        "headers": fields,
        "client": peer,
    }
