"""The fields of CORS by the fields of a request, and by a head that could not be parsed."""

import time

import pytest

from shared.web.cors import NO_CORS, Cors

APP = b"https://app.example.com"
CORS = Cors((APP.decode(), "http://localhost:3000"))
METHODS = ("POST", "GET")
PREFLIGHT = [(b"host", b"x"), (b"origin", APP), (b"access-control-request-method", b"POST")]


def allowed(fields: list[tuple[bytes, bytes]]) -> bytes | None:
    return dict(fields).get(b"access-control-allow-origin")


def test_without_origins_there_is_nothing_to_say() -> None:
    assert NO_CORS.fields(PREFLIGHT) == []
    assert NO_CORS.fields_of_refused(bytearray(b"GET / HTTP/1.1\r\norigin: https://a\r\n\r\n")) == []
    assert NO_CORS.preflight("OPTIONS", PREFLIGHT, METHODS) is None


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("POST", PREFLIGHT),
        ("OPTIONS", PREFLIGHT[:2]),
        ("OPTIONS", PREFLIGHT[1:2] + PREFLIGHT),
        ("OPTIONS", [PREFLIGHT[0], PREFLIGHT[2]]),
        ("OPTIONS", [PREFLIGHT[2], (b"origin", b"https://evil.example")]),
    ],
)
def test_any_other_request_is_no_preflight(method: str, fields: list[tuple[bytes, bytes]]) -> None:
    assert CORS.preflight(method, fields, METHODS) is None
    assert dict(CORS.preflight("OPTIONS", PREFLIGHT, METHODS) or ())[b"access-control-allow-methods"] == b"GET, POST"


@pytest.mark.parametrize(
    ("head", "origin"),
    [
        (b"GET / HTTP/1.1\r\nBad : x\r\nOrigin: https://app.example.com\r\nX: y\r\n\r\n", APP),
        (b"GET / HTTP/1.1\r\nORIGIN:https://app.example.com \t\r\n\r\n", APP),
        (b"GET / HTTP/1.1\r\norigin: https://app.example.com\r\nX: " + b"x" * 17000, APP),
        (b"GET / HTTP/1.1\r\nX: y\r\norigin: https://app.exam", None),
        (b"GET / HTTP/1.1\r\norigin: https://evil.example\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\norigin: https://app.example.com\r\norigin: https://app.example.com\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nX: y\r\n\r\norigin: https://app.example.com\r\n\r\n", None),
        (b"GET / HTTP/1.1\norigin: https://app.example.com\n\n", None),
        (b"", None),
    ],
)
def test_a_refused_head_is_searched_for_one_origin(head: bytes, origin: bytes | None) -> None:
    assert allowed(CORS.fields_of_refused(bytearray(head))) == origin


@pytest.mark.parametrize(
    "filling",
    [b"\r\norigin:", b"\r\norigin: \t", b"\r\norigin: x", b"\r\norigin:" + b" " * 4000, b"\r\norigin: x\t \t"],
)
def test_the_search_is_linear(filling: bytes) -> None:
    head = bytearray(b"GET / HTTP/1.1" + filling * (16384 // len(filling)))
    begun = time.process_time()
    for _ in range(20):
        CORS.fields_of_refused(head)
    assert time.process_time() - begun < 0.5
