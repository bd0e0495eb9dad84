"""Laws of plain requests: what is taken is whole, exact and alone; whatever is unusual is left to h11."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.edge import Edge
from shared.web.exchange import Request, Response, Route
from shared.web.plain_requests import PlainRequests

PEER = ("192.0.2.1", 4711)
LINE = b"POST /echo HTTP/1.1"
FIELDS = (b"Host: auth.example.com", b"Content-Type: application/json", b"Content-Length: 2")


async def _echo(request: Request) -> Response:
    return Response(200, request.body)


PLAIN = PlainRequests([Route("POST", "/echo", _echo, accepts_body=True)], Edge())


def message(*fields: bytes, line: bytes = LINE, body: bytes = b"{}") -> bytes:
    return b"\r\n".join((line, *fields, b"", body))


def test_what_clients_send_is_taken() -> None:
    found = PLAIN.find(message(*FIELDS, b"Connection: keep-alive", b"User-Agent: curl/8.5.0", b"Accept: */*"), PEER)
    assert found is not None
    assert (found.route.path, found.body, found.scope["client"]) == ("/echo", b"{}", PEER)
    assert dict(found.scope["headers"])[b"user-agent"] == b"curl/8.5.0"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        LINE,
        message(*FIELDS)[:-1],
        message(*FIELDS) + b"x",
        message(*FIELDS) * 2,
        message(*FIELDS, line=b"GET /echo HTTP/1.1"),
        message(*FIELDS, line=b"POST /echo HTTP/1.0"),
        message(*FIELDS, line=b"POST /echo?a=b HTTP/1.1"),
        message(*FIELDS, line=b"POST /%65cho HTTP/1.1"),
        message(*FIELDS, line=b"POST http://auth.example.com/echo HTTP/1.1"),
        message(*FIELDS, line=b"POST  /echo HTTP/1.1"),
        message(*FIELDS).replace(b"\r\n", b"\n"),
        message(*FIELDS[1:]),
        message(*FIELDS, FIELDS[0]),
        message(*FIELDS[:2]),
        message(*FIELDS, FIELDS[2]),
        message(*FIELDS[:2], b"Content-Length: +2"),
        message(*FIELDS[:2], b"Content-Length: 2, 2"),
        message(*FIELDS[:2], b"Content-Length: 16385", body=b"x" * 16385),
        message(*FIELDS, b"Transfer-Encoding: chunked"),
        message(*FIELDS, b"Transfer-Encoding : chunked"),
        message(*FIELDS, b" folded"),
        message(*FIELDS, b"Expect: 100-continue"),
        message(*FIELDS, b"Connection: close"),
        message(*FIELDS, b"Connection: upgrade"),
        message(*FIELDS, b"Upgrade: websocket"),
        message(*FIELDS, b"X-Name: \xff"),
        message(*FIELDS, b"X-Name: a\rb"),
        message(*FIELDS, b"X-Name: a\x00b"),
        message(*FIELDS, b"X Name: a"),
        message(*FIELDS, b": a"),
        message(*FIELDS, b"X-Name: " + b"a" * 9000),
    ],
)
def test_what_is_unusual_is_left_to_h11(data: bytes) -> None:
    assert PLAIN.find(data, PEER) is None


@given(data=st.binary(max_size=200))
def test_no_bytes_are_a_fault(data: bytes) -> None:
    assert PLAIN.find(data, PEER) is None
    PLAIN.find(LINE + b"\r\n" + data, PEER)


TOKENS = st.text("abcXYZ-_!0", min_size=1, max_size=12).map(str.encode)
VALUES = st.text("abc XYZ:;,=\t\"'()", max_size=20).map(str.encode)


@given(fields=st.lists(st.tuples(TOKENS, VALUES), max_size=6), body=st.binary(max_size=40))
def test_what_is_taken_means_to_h11_the_same(fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    lines = [b"%b: %b" % field for field in fields]
    data = message(FIELDS[0], *lines, b"Content-Length: %d" % len(body), body=body)
    found = PLAIN.find(data, PEER)
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    request = connection.next_event()
    assert found is not None
    assert isinstance(request, h11.Request)
    assert found.scope["headers"] == list(request.headers)
    assert found.body == (bytes(connection.next_event().data) if body else b"")
    assert isinstance(connection.next_event(), h11.EndOfMessage)
    assert connection.trailing_data == (b"", False)
