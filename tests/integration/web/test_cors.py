"""Every answer of a listener lets pages of listed origins read it, and no other page, on both ways of serving."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from shared.web.cors import Cors
from shared.web.server.http_connection import Rules
from tests.integration.web.served import Server, running

APP = "https://app.example.com"
OTHERS = "http://localhost:3000"
CORS = Cors((APP, OTHERS))
EXPOSED = "date, retry-after, x-request-id"
JSON_LINE = "Content-Type: application/json"
ASKS = "Access-Control-Request-Method: POST"
WITHOUT_CORS = json.loads((Path(__file__).parent / "answers_without_cors.json").read_text())


def raw(line: str, *fields: str, body: bytes = b"", origin: str | None = APP) -> bytes:
    given = [] if origin is None else [f"Origin: {origin}"]
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", *given, "X-Request-Id: one", *fields, "", ""]).encode() + body


def requests(origin: str | None = APP) -> dict[str, bytes]:
    """One request for each answer. The name begins with the status where CORS is off."""
    table = {
        "200": ("POST /echo", (JSON_LINE, "Content-Length: 2"), b"{}"),
        "204 for the server as a whole": ("OPTIONS /", (ASKS,), b""),
        "400 malformed head": ("GET /", ("Broken : x",), b""),
        "400 malformed chunk": ("POST /echo", (JSON_LINE, "Transfer-Encoding: chunked"), b"x\r\n"),
        "404": ("GET /nowhere", (), b""),
        "404 without a body": ("HEAD /nowhere", (), b""),
        "405": ("GET /echo", (), b""),
        "405 to a preflight": ("OPTIONS /echo", (ASKS, "Access-Control-Request-Headers: content-type"), b""),
        "413 large head": ("GET /", (f"X-Large: {'x' * 17000}",), b""),
        "413 large body": ("POST /echo", (JSON_LINE, "Content-Length: 16385"), b""),
        "415": ("POST /echo", ("Content-Length: 2",), b"{}"),
        "500": ("POST /broken", (), b""),
    }
    return {name: raw(line, *fields, body=body, origin=origin) for name, (line, fields, body) in table.items()}


@pytest.fixture(params=["plain", "quart"])
async def open_server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with running(request.param, cors=CORS, rules=Rules(cors=CORS)) as server:
        yield server


async def bytes_of_answer(server: Server, request: bytes) -> bytes:
    """The first answer as it was sent, without the two values that differ every time."""
    client = await server.connect()
    await client.send(request)
    answer = b""
    with trio.fail_after(5):
        while b"\r\n\r\n" not in answer or len(answer) < _whole(answer, request):
            answer += await client.stream.receive_some()
    answer = re.sub(rb"date: [^\r]+", b"date: -", answer)
    return re.sub(rb"x-request-id: [0-9a-f]{32}", b"x-request-id: new", answer)


def _whole(answer: bytes, request: bytes) -> int:
    head = answer.partition(b"\r\n\r\n")[0]
    length = re.search(rb"content-length: (\d+)", head)
    return len(head) + 4 + (int(length[1]) if length and not request.startswith(b"HEAD") else 0)


def fields_of(answer: bytes) -> dict[str, str]:
    lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)


def cors_fields(answer: bytes) -> dict[str, str]:
    return {name: value for name, value in fields_of(answer).items() if name == "vary" or "access-control" in name}


@pytest.mark.parametrize("kind", ["plain", "quart"])
async def test_without_origins_every_answer_is_byte_for_byte_the_one_before_cors(kind: str) -> None:
    async with running(kind) as server:
        for name, request in requests().items():
            assert (await bytes_of_answer(server, request)).decode("latin-1") == WITHOUT_CORS[kind][name], name


@pytest.mark.parametrize("origin", [APP, OTHERS])
async def test_a_page_of_a_listed_origin_can_read_every_answer(open_server: Server, origin: str) -> None:
    for name, request in requests(origin).items():
        answer = await bytes_of_answer(open_server, request)
        found = cors_fields(answer)
        assert found.pop("access-control-allow-origin") == origin, name
        assert found.pop("access-control-expose-headers") == EXPOSED, name
        assert found.pop("vary") == "Origin", name
        if name != "405 to a preflight":
            assert (answer[9:12].decode(), found) == (name[:3], {}), name


async def test_a_preflight_is_204_with_methods_and_headers(open_server: Server) -> None:
    for path in ("/echo", "/things/7", "/nowhere"):
        answer = await bytes_of_answer(open_server, raw(f"OPTIONS {path}", ASKS))
        assert answer.startswith(b"HTTP/1.1 204 ")
        assert cors_fields(answer) == {
            "access-control-allow-origin": APP,
            "access-control-expose-headers": EXPOSED,
            "access-control-allow-methods": "GET, HEAD, OPTIONS, POST",
            "access-control-allow-headers": "content-type, accept-language, galaxy-protocol-version, "
            "galaxy-device-session-id, galaxy-timestamp-ms, galaxy-request-id, galaxy-payload-hash, galaxy-signature",
            "access-control-max-age": "7200",
            "vary": "Origin",
        }
    assert open_server.seen == []
    assert open_server.observed[0] == ("OPTIONS", "unmatched", 204)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{APP}.evil.example", f"{APP}/", APP.upper(), None]
)
async def test_any_other_page_gets_no_header_but_vary(open_server: Server, origin: str | None) -> None:
    for name, request in requests(origin).items():
        answer = await bytes_of_answer(open_server, request)
        assert (answer[9:12].decode(), cors_fields(answer)) == (name[:3], {"vary": "Origin"}), name


async def test_two_origins_are_none(open_server: Server) -> None:
    for request in requests(f"{APP}\r\nOrigin: {APP}").values():
        assert cors_fields(await bytes_of_answer(open_server, request)) == {"vary": "Origin"}


@pytest.mark.parametrize("kind", ["plain", "quart"])
async def test_a_star_allows_every_page_and_never_credentials(kind: str) -> None:
    cors = Cors(("*",))
    async with running(kind, cors=cors, rules=Rules(cors=cors)) as server:
        for origin in ("https://anybody.example", "null", None):
            for name, request in requests(origin).items():
                found = cors_fields(await bytes_of_answer(server, request))
                assert found["access-control-allow-origin"] == "*", name
                assert "access-control-allow-credentials" not in found
        preflight = await bytes_of_answer(server, raw("OPTIONS /echo", ASKS))
        assert cors_fields(preflight)["access-control-max-age"] == "7200"


async def test_a_late_body_and_a_drain_are_told_to_the_page_too(open_server: Server) -> None:
    late = raw("POST /echo", JSON_LINE, "Content-Length: 2")
    assert fields_of(await bytes_of_answer(open_server, late))["access-control-allow-origin"] == APP
    open_server.drain.draining.set()
    answer = await bytes_of_answer(open_server, raw("OPTIONS /"))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert fields_of(answer)["access-control-allow-origin"] == APP
    assert (await bytes_of_answer(open_server, raw("OPTIONS /echo", ASKS))).startswith(b"HTTP/1.1 204 ")
