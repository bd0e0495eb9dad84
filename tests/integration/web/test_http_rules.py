"""The rules of SPEC §2.1 over raw HTTP/1.1, alike for plain requests and Quart."""

import json
from typing import Any

import pytest
import trio

from tests.integration.web.served import Server, running


def post(path: str = "/echo", body: bytes = b"{}", *lines: str, content_type: str | None = "application/json") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines]
    if content_type is not None:
        head.append(f"Content-Type: {content_type}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def get(path: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")


async def test_an_answer_has_the_headers_of_every_answer_and_no_server_name(server: Server) -> None:
    for request in (post(), get("/nowhere"), get("/echo"), post("/broken"), b"NONSENSE\r\n\r\n"):
        headers = (await server.ask(request)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["content-type"] == "application/json"
        assert len(headers["x-request-id"]) == 32
        assert "server" not in headers


@pytest.mark.parametrize(
    ("given", "is_echoed"),
    [
        ("a", True),
        ("Ab9._-", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("a b", False),
        ("a,b", False),
        ("ä", False),
    ],
)
async def test_a_sane_request_id_is_echoed_and_another_one_replaced(
    server: Server, given: str, is_echoed: bool
) -> None:
    answer = await server.ask(post("/echo", b"{}", f"X-Request-Id: {given}"))
    assert (answer.headers["x-request-id"] == given) is is_echoed
    assert server.seen[0].request_id == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
async def test_json_is_taken_with_or_without_its_one_charset(server: Server, content_type: str) -> None:
    assert (await server.ask(post(content_type=content_type))).status == 200


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/json; charset=latin-1", "application/json; x=y", "application/jsonx",
     "application/x-www-form-urlencoded", "application/json, application/json"],
)  # fmt: skip
async def test_another_content_type_or_none_is_415(server: Server, content_type: str | None) -> None:
    answer = await server.ask(post(content_type=content_type))
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert server.seen == []


async def test_a_compressed_body_is_415(server: Server) -> None:
    assert (await server.ask(post("/echo", b"{}", "Content-Encoding: gzip"))).status == 415
    assert (await server.ask(post("/echo", b"{}", "Content-Encoding:"))).status == 415
    assert (await server.ask(post("/echo", b"{}", "Content-Encoding: identity"))).status == 200


async def test_no_body_needs_no_content_type_and_reaches_the_decoder(server: Server) -> None:
    assert (await server.ask(post(body=b"", content_type=None))).status == 200
    assert (await server.ask(get("/echo", method="POST"))).status == 200
    assert [request.body for request in server.seen] == [b"", b""]


async def test_a_body_of_16_kib_is_taken_and_a_byte_more_is_413(server: Server) -> None:
    assert (await server.ask(post(body=b"x" * 16384))).status == 200
    answer = await server.ask(post(body=b"x" * 16385))
    assert (answer.status, answer.code) == (413, "request_too_large")
    assert len(server.seen) == 1


async def test_a_declared_length_over_the_limit_is_refused_before_the_body_comes(server: Server) -> None:
    client = await server.connect()
    await client.send(
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16385\r\n\r\n"
    )
    assert (await client.answer()).status == 413
    assert await client.is_closed_within(3)


async def test_a_chunked_body_is_taken_and_over_the_limit_is_413(server: Server) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await server.ask(head + b"2\r\n{}\r\n0\r\n\r\n")).body == b"{}"
    assert (await server.ask(head + (b"400\r\n" + b"x" * 1024 + b"\r\n") * 17)).status == 413


async def test_an_unknown_route_is_404_and_so_is_a_trailing_slash(server: Server) -> None:
    for path in ("/", "/nowhere", "/echo/", "//echo", "/things/", "/things//", "/things/a/b", "*"):
        answer = await server.ask(get(path))
        assert (answer.status, answer.code) == (404, "not_found"), path


async def test_a_wrong_method_is_405_and_says_which_are_right(server: Server) -> None:
    for method in ("GET", "HEAD", "PUT", "OPTIONS", "BREW"):
        client = await server.connect()
        await client.send(get("/echo", method=method))
        answer = await client.answer(has_body=method != "HEAD")
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
    for method in ("POST", "OPTIONS", "DELETE"):
        answer = await server.ask(get("/things/1", method=method))
        assert (answer.status, answer.code, answer.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")


async def test_head_is_get_without_the_body(server: Server) -> None:
    client = await server.connect()
    await client.send(get("/things/1", method="HEAD") + get("/things/1"))
    head = await client.answer(has_body=False)
    assert (head.status, head.headers["content-length"]) == (200, "8")
    assert (await client.answer()).body == b'{"id":1}'


async def test_a_body_of_a_route_that_takes_none_is_dropped(server: Server) -> None:
    client = await server.connect()
    await client.send(get("/things/1", "Content-Length: 3") + b"abc" + get("/things/2"))
    assert (await client.answer()).status == 200
    assert (await client.answer()).status == 200
    assert [request.body for request in server.seen] == [b"", b""]


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/things/a%2Db", "a-b"),
        ("/things/%C3%A4", "ä"),
        ("/things/a+b", "a+b"),
        ("/things/..", ".."),
        ("/things/a;b", "a;b"),
    ],
)
async def test_a_path_parameter_is_decoded_once(server: Server, path: str, parameter: str) -> None:
    assert (await server.ask(get(path))).status == 200
    assert server.seen[0].path_parameters == {"id": parameter}
    assert server.seen[0].path == path


@pytest.mark.parametrize("path", ["/things/a%2Fb", "/things%2f1", "/things/%00", "/things/%ff", "/things/%0A"])
async def test_a_path_that_decodes_to_another_route_or_to_no_text_is_404(server: Server, path: str) -> None:
    assert (await server.ask(get(path))).status == 404
    assert server.seen == []


async def test_the_query_is_not_the_path(server: Server) -> None:
    assert (await server.ask(get("/things/1?x=%2F&y"))).status == 200
    assert (server.seen[0].query, server.seen[0].path) == ("x=%2F&y", "/things/1")


async def test_the_absolute_form_names_the_same_route(server: Server) -> None:
    assert (await server.ask(get("http://example.com/things/1"))).status == 200


async def test_a_fault_is_a_constant_500_with_retry_after(server: Server) -> None:
    answer = await server.ask(post("/broken"))
    assert (answer.status, answer.headers["retry-after"]) == (500, "1")
    assert json.loads(answer.body) == {"error": {"code": "internal_error", "message": "internal error"}}


HOT, OTHER = b"POST /echo", b"GET /things/1"
MALFORMED = (
    b"NONSENSE\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    b"post /echo HTTP/1.1\r\nHost: x\r\n\r\n",  # a method is case-sensitive (RFC 9110 §9.1): a proxy's rule may be too
    b"Get /things/1 HTTP/1.1\r\nHost: x\r\n\r\n",
    *(
        begin + end
        for begin in (HOT, OTHER)
        for end in (
            b" HTTP/1.1\r\n\r\n",
            b" HTTP/1.1\nHost: x\n\n",
            b" HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
            b" HTTP/2.0\r\nHost: x\r\n\r\n",
            b" HTTP/1.1\r\nHost: a b/@\r\n\r\n",
            b" HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
            b" HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
            b" HTTP/1.1\r\nHost: x\r\nX:" + b" " * 7_900 + b"\x80\x00\r\n\r\n",
        )
    ),
)
TOO_LARGE = tuple(
    begin + b" HTTP/1.1\r\nHost: x\r\n" + end
    for begin in (HOT, OTHER)
    for end in (
        b"X: " + b"y" * 20_000,
        b"X: " + b"y" * 20_000 + b"\r\n\r\n",
        b"X: " + b"y" * 60_000 + b"\r\n\r\n",
        b"Accept-Language: aa" + b"-b" * 30_000 + b"\r\n\r\n",
        b"a:\r\n" * 101 + b"\r\n",
    )
)


@pytest.mark.parametrize(
    ("request_bytes", "status"), [*((each, 400) for each in MALFORMED), *((each, 413) for each in TOO_LARGE)]
)
async def test_a_refusal_of_the_protocol_itself_has_the_envelope_too(
    server: Server, request_bytes: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    client = await server.connect()
    await client.send(request_bytes)
    answer = await client.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert answer.code == ("request_too_large" if status == 413 else "invalid_request")
    await client.stream.send_eof()
    assert await client.is_closed_within(2)
    assert server.seen == []
    assert caplog.records == []


@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t"])
async def test_a_field_of_blanks_and_any_byte_costs_no_more_than_another(server: Server, blanks: bytes) -> None:
    field = b"X:" + blanks * 4_000 + b"\x80\r\n"
    answer = await server.ask(HOT + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + field + b"\r\n")
    assert answer.status == 200


@pytest.mark.parametrize(("lines", "status"), [(32, 200), (33, 400)])
async def test_empty_lines_before_a_request_are_ignored_but_not_without_end(
    server: Server, lines: int, status: int
) -> None:
    client = await server.connect()
    for _ in range(lines):
        await client.send(b"\r\n")
    await client.send(HOT + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert (await client.answer()).status == status


@pytest.mark.parametrize("begin", [HOT, OTHER])
@pytest.mark.parametrize(
    "chunks", [b"x\r\n", b"1;" + b" " * 60_000 + b"\nx\r\n", b"0\r\nX:" + b" " * 60_000 + b"\x00\r\n\r\n"]
)
async def test_chunks_that_are_malformed_are_refused_and_the_connection_ends(
    server: Server, begin: bytes, chunks: bytes
) -> None:
    client = await server.connect()
    await client.send(
        begin + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    )
    answer = await client.answer()
    assert (answer.status, answer.code, answer.headers["connection"]) == (400, "invalid_request", "close")
    assert await client.is_closed_within(3)
    assert server.seen == []


async def test_empty_lines_before_a_request_are_ignored(server: Server) -> None:
    client = await server.connect()
    for pieces in ((b"\r\n" + post(),), (b"\r\n\r\n", post()), (b"\r", b"\n" + get("/things/1"))):
        for piece in pieces:
            await client.send(piece)
            await trio.sleep(0.01)
        assert (await client.answer()).status == 200


@pytest.mark.parametrize("request_bytes", [
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS / HTTP/1.0\r\n\r\n", get("/", method="OPTIONS"),
    get("http://x", method="OPTIONS"),
])  # fmt: skip
async def test_balancers_may_ask_options_of_the_server(server: Server, request_bytes: bytes) -> None:
    client = await server.connect()
    await client.send(request_bytes)
    answer = await client.answer(has_body=False)
    assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert "content-length" not in answer.headers
    server.drain.draining.set()
    assert (await server.ask(request_bytes)).code == "service_unavailable"


async def test_a_client_that_waits_before_its_body_is_told_to_go_on(server: Server) -> None:
    client = await server.connect()
    await client.send(post("/echo", b"{}", "Expect: 100-continue")[:-2])
    assert (await client.answer(has_body=False)).status == 100
    await client.send(b"{}")
    assert (await client.answer()).body == b"{}"
    await client.send(post("/echo", b"{}", "Expect: 100-continue", content_type="text/plain")[:-2])
    assert (await client.answer()).status == 415


async def test_no_upgrade_is_taken(server: Server) -> None:
    upgrades = (
        (
            "Connection: upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ),
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    )
    for lines in upgrades:
        assert (await server.ask(get("/things/1", *lines))).status == 200
    assert (await server.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).status == 400


async def test_every_answer_is_observed_by_its_route_and_not_by_its_path(server: Server) -> None:
    for request in (post(), get("/things/secret"), get("/nowhere/secret"), post(body=b"x" * 17000)):
        await server.ask(request)
    expected: list[Any] = [
        ("POST", "/echo", 200), ("GET", "/things/{id}", 200), ("GET", "unmatched", 404), ("POST", "/echo", 413),
    ]  # fmt: skip
    assert server.observed[:3] == expected[:3]


@pytest.mark.parametrize("kind", ["plain", "quart"])
async def test_a_plain_route_gets_its_query_and_its_parameter(kind: str) -> None:
    async with running(kind) as server:
        for target in ("/documents/a-1.2_~?have=%2F&x", "/documents/..", "/documents/a%2D1", "/documents/a+b;c"):
            assert (await server.ask(get(target))).status == 200
        parameters = [(request.path_parameters["digest"], request.query) for request in server.seen]
        assert parameters == [("a-1.2_~", "have=%2F&x"), ("..", ""), ("a-1", ""), ("a+b;c", "")]
        for target in ("/documents/", "/documents", "/documents/a/b", "//documents/a", "/documents/a%2Fb", "/x/a"):
            assert (await server.ask(get(target))).status == 404, target
        assert (await server.ask(get("/documents/a", method="POST"))).headers["allow"] == "GET, HEAD"
        assert (await server.ask(post("/echo?x=1", b"[1]"))).body == b"[1]"
        assert server.seen[-1].query == "x=1"


async def test_a_plain_request_is_answered_as_any_other_way_of_writing_it() -> None:
    """The same request again with a path written otherwise goes through Quart; fields in any order."""
    async with running("plain") as server:
        for content_type in ("application/json", "text/plain"):
            plain, other = [
                await server.ask(post(path, b"{}", "X-Request-Id: same", content_type=content_type))
                for path in ("/echo", "/ech%6F")
            ]
            plain.headers["date"] = other.headers["date"]
            assert (plain.status, plain.headers, plain.body) == (other.status, other.headers, other.body)
        assert len(server.seen) == 2
