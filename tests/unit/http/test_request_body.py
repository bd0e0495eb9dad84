"""Laws of where a body ends: chunks mean to h11 the same, and whatever is doubtful is refused."""

import re

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.request_body import Framing, framing_of
from shared.http.request_head import BadRequest


def taken(framing: Framing, data: bytes, size: int) -> tuple[bytes, bytes]:
    """The content of a body that arrives in pieces, and what is behind it."""
    arrived, content = bytearray(), b""
    for start in range(0, len(data), size):
        arrived += data[start : start + size]
        content += framing.take(arrived)
    return content, bytes(arrived)


@given(size=st.integers(1, 30))
def test_a_body_ends_where_its_length_says(size: int) -> None:
    framing = framing_of(5)
    assert taken(framing, b"helloGET", size) == (b"hello", b"GET")
    assert framing.is_whole
    assert framing_of(0).is_whole


@given(size=st.integers(1, 60))
def test_chunks_are_joined_and_their_extensions_and_trailers_are_dropped(size: int) -> None:
    framing = framing_of(None)
    data = b'3\r\nhel\r\n00A ;a="b"\r\nlo, world!\r\n0\r\nX-Sum: 1\r\n\r\nGET'
    assert taken(framing, data, size) == (b"hello, world!", b"GET")
    assert framing.is_whole


@pytest.mark.parametrize(
    "data",
    [
        b"x\r\n", b"\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\n", b" 1\r\n", b"1\nx\r\n", b"1\r\nxy\r\n", b"1\r\nx\n\r\n",
        b"123456789\r\n", b"1;" + b"a" * 300, b"1;a\x00\r\n", b"1;a\nb\r\n", b"1" * 300, b"0\r\nbroken\r\n\r\n",
        b"0\r\nX : a\r\n\r\n", b"0\r\n" + b"a: b\r\n" * 17 + b"\r\n", b"0\r\n a: b\r\n\r\n",
        b"1;" + b" " * 200 + b"\nx\r\n", b"0\r\nX:" + b" " * 60_000 + b"\x00\r\n\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_chunks_that_are_doubtful_are_refused(data: bytes, size: int) -> None:
    with pytest.raises(BadRequest):
        taken(framing_of(None), data, size)


@given(data=st.text("0123aF;= \r\n\tx:", max_size=60).map(str.encode), size=st.integers(1, 60))
def test_accepted_bytes_mean_the_same_to_h11(data: bytes, size: int) -> None:
    framing = framing_of(None)
    try:
        content, rest = taken(framing, data, size)
    except BadRequest:
        return
    try:
        by_h11 = taken_by_h11(data)
    except h11.RemoteProtocolError:
        if re.search(rb"[ \t];", data):
            return  # RFC 9112 §7.1.1 has this whitespace before an extension removed; h11 refuses it
        by_h11 = None
    if framing.is_whole:
        assert by_h11 == (content, rest)
    elif by_h11 != (content, None):  # a line without its end: h11 judges it early, or ends it at a bare line feed
        with pytest.raises(BadRequest):
            framing.take(bytearray(rest + b"\r\n"))


def taken_by_h11(data: bytes) -> tuple[bytes, bytes | None]:
    """The content as h11 reads it, and what is behind it; None while the body is not whole."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    read = b""
    assert isinstance(connection.next_event(), h11.Request)
    while isinstance(event := connection.next_event(), h11.Data):
        read += bytes(event.data)
    return read, connection.trailing_data[0] if isinstance(event, h11.EndOfMessage) else None
