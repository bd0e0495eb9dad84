"""Laws of the PROXY protocol's header: both versions, cut anywhere, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.proxy_protocol import BadProxyHeader, ProxyHeader, read_proxy_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = SIGNATURE + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 10, 0, 0, 1]) + b"\x12\x67\x1f\x90"
V6 = SIGNATURE + b"\x21\x21\x00\x24" + b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01" + bytes(16) + b"\x12\x67\x1f\x90"
WITH_EXTENSIONS = SIGNATURE + b"\x21\x11\x00\x13" + V4[16:] + b"\x04\x00\x04abcd"
WHOLE = {
    b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 8080\r\n": ("192.0.2.7", 4711),
    b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 8080\r\n": ("2001:db8::1", 4711),
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n": None,
    V4: ("192.0.2.7", 4711),
    V6: ("2001:db8::1", 4711),
    WITH_EXTENSIONS: ("192.0.2.7", 4711),
    SIGNATURE + b"\x20\x00\x00\x00": None,
    SIGNATURE + b"\x20\x11\x00\x0c" + V4[16:]: None,
    SIGNATURE + b"\x21\x00\x00\x03abc": None,
    SIGNATURE + b"\x21\x31\x00\xd8" + b"/" * 216: None,
}


@pytest.mark.parametrize("data", WHOLE)
def test_a_whole_header_names_the_client_wherever_it_is_cut(data: bytes) -> None:
    assert read_proxy_header(data + b"GET / HTTP/1.1") == ProxyHeader(len(data), WHOLE[data])
    assert [read_proxy_header(data[:length]) for length in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n", b"PROXY\r\n", b"PROXY TCP4\r\n", b"PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 8080 1\r\n", b"PROXY TCP4 2001:db8::1 10.0.0.1 4711 8080\r\n",
        b"PROXY TCP6 192.0.2.7 10.0.0.1 4711 8080\r\n", b"PROXY UDP4 192.0.2.7 10.0.0.1 4711 8080\r\n",
        b"PROXY TCP4 192.0.2.777 10.0.0.1 4711 8080\r\n", b"PROXY TCP4 192.0.2.7 10.0.0.1 x 8080\r\n",
        b"PROXY TCP4  192.0.2.7 10.0.0.1 4711\r\n", b"PROXY TCP4 192.0.2.\xff 10.0.0.1 4711 8080\r\n",
        b"PROXY UNKNOWN" + b" " * 200 + b"\r\n", b"PROXY " + b"x" * 200, b"proxy TCP4 192.0.2.7 10.0.0.1 1 2\r\n",
        SIGNATURE + b"\x11\x11\x00\x0c" + V4[16:], SIGNATURE + b"\x22\x11\x00\x0c" + V4[16:],
        SIGNATURE + b"\x21\x11\x00\x0b" + V4[16:], SIGNATURE + b"\x21\x21\x00\x0c" + V4[16:],
        SIGNATURE + b"\x21\x11\xff\xff", SIGNATURE[:11] + b"x" + V4[12:],
    ],
)  # fmt: skip
def test_bytes_that_are_no_header_are_refused(data: bytes) -> None:
    with pytest.raises(BadProxyHeader):
        read_proxy_header(data)


@given(
    begin=st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, V4[:16], V6[:16]]), rest=st.binary(max_size=60)
)
def test_no_bytes_are_a_fault(begin: bytes, rest: bytes) -> None:
    try:
        header = read_proxy_header(begin + rest)
    except BadProxyHeader:
        return
    assert header is None or header.length <= len(begin + rest)
