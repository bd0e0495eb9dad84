"""Laws of the one parser of heads: what it takes means the same to h11, and whatever is doubtful is refused."""

from contextlib import suppress

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.request_head import BadRequest, Head, HeadTooLarge, find_end, parse_head

LINE = b"POST /echo?a=b HTTP/1.1"
FIELDS = (b"Host: auth.example.com", b"Content-Type: application/json", b"Content-Length: 2")

BAD_HOSTS = (
    b"a b/@", b"a/b", b"a@b", b"a:b", b"a:1:2", b"[", b"[::1", b"a\xff", b"http://a", b"x" * 300, b"a:123456", b"a,b c",
)  # fmt: skip
BAD_LENGTHS = (b"+2", b"-2", b"2, 2", b"0x2", b"", b"1" * 19, b"\xb2", b"2 2")


def head(*fields: bytes, line: bytes = LINE) -> bytes:
    return b"\r\n".join((line, *fields))


def get(target: bytes, version: bytes = b"HTTP/1.1") -> Head:
    return parse_head(head(b"Host: x", line=b"GET %b %b" % (target, version)))


def test_a_head_is_read() -> None:
    found = parse_head(head(*FIELDS, b"Connection: keep-alive", b"X-Name:\t \xe9 a  b \t"))
    assert (found.method, found.path, found.query, found.version) == ("POST", b"/echo", b"a=b", "1.1")
    assert (found.length, found.is_last, found.expects_continue) == (2, False, False)
    assert found.fields[0] == (b"host", b"auth.example.com")
    assert found.fields[-1] == (b"x-name", b"\xe9 a  b")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        LINE,
        head(*FIELDS, line=b"POST /echo HTTP/2.0"),
        head(*FIELDS, line=b"POST /echo HTTP/1.2"),
        head(*FIELDS, line=b"POST /echo HTTP/0.9"),
        head(*FIELDS, line=b"POST /echo http/1.1"),
        head(*FIELDS, line=b"POST /echo"),
        head(*FIELDS, line=b"POST  /echo HTTP/1.1"),
        head(*FIELDS, line=b"POST /echo  HTTP/1.1"),
        head(*FIELDS, line=b"POST /echo HTTP/1.1 "),
        head(*FIELDS, line=b" POST /echo HTTP/1.1"),
        head(*FIELDS, line=b"POST\t/echo HTTP/1.1"),
        head(*FIELDS, line=b"PO,ST /echo HTTP/1.1"),
        head(*FIELDS, line=b"POST /ec\xffho HTTP/1.1"),
        head(*FIELDS, line=b"POST echo HTTP/1.1"),
        head(*FIELDS, line=b"CONNECT example.com:443 HTTP/1.1"),
        head(*FIELDS, line=b"GET http://[ HTTP/1.1"),
        head(*FIELDS, line=b"GET http:// HTTP/1.1"),
        head(*FIELDS, line=b"GET http:///echo HTTP/1.1"),
        head(*FIELDS, line=b"GET http://a@b/echo HTTP/1.1"),
        head(*FIELDS, line=b"GET ftp://example.com/echo HTTP/1.1"),
        head(*FIELDS).replace(b"\r\n", b"\n"),
        head(*FIELDS).replace(b"\r\n", b"\n", 1),
        head(*FIELDS).replace(b"\r\n", b"\r", 1),
        head(*FIELDS[1:]),
        head(*FIELDS, FIELDS[0]),
        *(head(b"Host: " + host, *FIELDS[1:]) for host in BAD_HOSTS),
        head(*FIELDS, FIELDS[2]),
        head(*FIELDS, b"Content-Length: 3"),
        *(head(FIELDS[0], b"Content-Length: " + length) for length in BAD_LENGTHS),
        head(*FIELDS, b"Transfer-Encoding: chunked"),
        head(FIELDS[0], b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        head(FIELDS[0], b"Transfer-Encoding: chunked, chunked"),
        head(FIELDS[0], b"Transfer-Encoding: gzip, chunked"),
        head(FIELDS[0], b"Transfer-Encoding: identity"),
        head(FIELDS[0], b"Transfer-Encoding: "),
        head(FIELDS[0], b"Transfer-Encoding: chunked", line=b"POST /echo HTTP/1.0"),
        head(*FIELDS, b"Transfer-Encoding : chunked"),
        head(*FIELDS, b" folded"),
        head(*FIELDS, b"\tfolded: yes"),
        head(*FIELDS, b"X-Name: a\rb"),
        head(*FIELDS, b"X-Name: a\x00b"),
        head(*FIELDS, b"X-Name: a\x0bb"),
        head(*FIELDS, b"X-Name: a\x7fb"),
        head(*FIELDS, b"X Name: a"),
        head(*FIELDS, b"X-N\xe4me: a"),
        head(*FIELDS, b": a"),
        head(*FIELDS, b"a"),
        head(*FIELDS, b""),
    ],
)  # fmt: skip
def test_a_doubtful_head_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_head(data)


@pytest.mark.parametrize(
    "host",
    [b"", b"x", b"auth.example.com:8080", b"127.0.0.1:1", b"[::1]", b"[2001:db8::1]:443", b"a_b-c", b"x:", b"LOCAL"],
)  # fmt: skip
def test_a_host_that_names_one_is_accepted(host: bytes) -> None:
    assert parse_head(head(b"Host: " + host, line=b"GET / HTTP/1.1")).fields == [(b"host", host)]


def test_http_1_0_needs_no_host_and_is_the_last_request_of_its_connection() -> None:
    assert parse_head(b"GET / HTTP/1.0").is_last
    assert parse_head(head(b"Connection: keep-alive", line=b"GET / HTTP/1.0")).is_last
    with pytest.raises(BadRequest):
        parse_head(head(b"Host: a", b"Host: a", line=b"GET / HTTP/1.0"))


@pytest.mark.parametrize("options", [b"close", b"Close", b"keep-alive, close", b"keep-alive ,\tCLOSE,"])
def test_a_request_that_says_close_is_the_last_one(options: bytes) -> None:
    assert parse_head(head(*FIELDS, b"Connection: " + options)).is_last
    assert not parse_head(head(*FIELDS, b"Connection: closed")).is_last


def test_an_absolute_target_names_path_and_host() -> None:
    found = get(b"HTTP://other.example:80/a/b?c")
    assert (found.path, found.query, found.fields) == (b"/a/b", b"c", [(b"host", b"other.example:80")])
    assert (get(b"http://a").path, get(b"http://a?b").path, get(b"http://a?b/c").query) == (b"/", b"/", b"b/c")
    assert parse_head(head(b"Host: a", line=b"OPTIONS http://a HTTP/1.1")).path == b"*"
    assert parse_head(head(b"Host: a", line=b"OPTIONS * HTTP/1.1")).path == b"*"


def test_a_hundred_fields_are_a_head_and_one_more_is_too_large() -> None:
    fields = [b"a: b"] * 99
    assert len(parse_head(head(b"Host: x", *fields)).fields) == 100
    with pytest.raises(HeadTooLarge):
        parse_head(head(b"Host: x", *fields, b"a: b"))


def test_a_head_of_16_kib_ends_and_one_byte_more_is_too_large() -> None:
    data = head(*FIELDS, b"X: ")
    data += b"x" * (16 * 1024 - 4 - len(data)) + b"\r\n\r\n"
    assert find_end(bytearray(data), 0) == len(data) - 4
    for too_large in (b"x" + data, b"x" + data + b"{}", b"x" * 16 * 1024, b"x" * 100_000 + b"\r\n\r\n"):
        with pytest.raises(HeadTooLarge):
            find_end(bytearray(too_large), 0)


@given(size=st.integers(1, 9))
def test_a_head_is_found_however_it_is_cut(size: int) -> None:
    data, arrived, seen, end = head(*FIELDS) + b"\r\n\r\n{}", bytearray(), 0, -1
    for start in range(0, len(data), size):
        arrived += data[start : start + size]
        end = find_end(arrived, seen)
        seen = len(arrived)
        if end >= 0:
            break
    assert end == len(data) - 6


@pytest.mark.parametrize("bare", [b"GET / HTTP/1.1\nHost: x\n\n", b"GET / HTTP/1.1\r\nHost: x\n", b"\x16\x03", b" GET"])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_head_that_can_only_become_wrong_is_refused_before_it_ends(bare: bytes, size: int) -> None:
    arrived, seen = bytearray(), 0
    with pytest.raises(BadRequest):  # noqa: PT012 - which piece shows it depends on the cut
        for start in range(0, len(bare), size):
            arrived += bare[start : start + size]
            find_end(arrived, seen)
            seen = len(arrived)


@given(data=st.binary(max_size=200))
def test_no_bytes_are_a_fault(data: bytes) -> None:
    for given_bytes in (
        data,
        LINE + b"\r\n" + data,
        head(*FIELDS) + data,
        b"GET http://" + data + b" HTTP/1.1\r\nHost: x",
    ):
        with suppress(BadRequest):
            parse_head(given_bytes)
        with suppress(BadRequest):
            find_end(bytearray(given_bytes), 0)


TOKENS = st.text("abcXYZ-_!0", min_size=1, max_size=12).map(str.encode)
VALUES = st.text("abc XYZ:;,=\t\"'()é", max_size=20).map(lambda text: text.encode("latin-1"))


@given(fields=st.lists(st.tuples(TOKENS, VALUES), max_size=6))
def test_accepted_bytes_mean_the_same_to_h11(fields: list[tuple[bytes, bytes]]) -> None:
    data = head(FIELDS[0], *(b"%b: %b" % field for field in fields), FIELDS[2])
    found = parse_head(data)
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data + b"\r\n\r\n{}")
    request = connection.next_event()
    assert isinstance(request, h11.Request)
    assert found.fields == list(request.headers)
    assert (found.method.encode(), found.path + b"?" + found.query) == (request.method, request.target)


@given(data=st.text("GETPOS /echo?*HTTP/1.1\r\n: \tHost:xContent-Length0123chunked", max_size=120).map(str.encode))
def test_a_head_that_h11_refuses_is_refused(data: bytes) -> None:
    data = b"GET / HTTP/1.1\r\nHost: x\r\n" + data
    try:
        parse_head(data)
    except BadRequest:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data + b"\r\n\r\n")
    assert isinstance(connection.next_event(), h11.Request)
