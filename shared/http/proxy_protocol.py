"""The PROXY protocol, versions 1 and 2: a balancer names the client's address before the first request.

AWS' network balancers and HAProxy (`send-proxy`, `send-proxy-v2`) use it. A header has at most 4 KiB; its extensions
(TLV) are not read. The caller decides which peers may send one.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

MAX_HEADER_BYTES = 4096
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_MAX_LINE_BYTES = 107
_LOCAL, _PROXIED = 0x20, 0x21
_ADDRESS_BYTES = {0x11: 4, 0x21: 16}
"""Bytes of an address, by family: TCP over IPv4 and over IPv6. Other families name no client that could be limited."""
_V1_FAMILIES = {b"TCP4": IPv4Address, b"TCP6": IPv6Address}


class BadProxyHeader(Exception):
    """The bytes are no header of either version, so nothing on this connection can be trusted."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A header of `length` bytes. `source` is the client's address and port; None means that the peer is the client."""

    length: int
    source: tuple[str, int] | None


def read_proxy_header(arrived: bytes) -> ProxyHeader | None:
    """The header at the start of `arrived`, or None while bytes of it are missing. Raises `BadProxyHeader`."""
    if arrived.startswith(_SIGNATURE[: len(arrived)]):
        return _read_v2(arrived)
    if arrived.startswith(b"PROXY "[: len(arrived)]):
        return _read_v1(arrived)
    raise BadProxyHeader


def _read_v1(arrived: bytes) -> ProxyHeader | None:
    end = arrived.find(b"\r\n", 0, _MAX_LINE_BYTES)
    if end < 0:
        if len(arrived) >= _MAX_LINE_BYTES:
            raise BadProxyHeader
        return None
    words = arrived[:end].split(b" ")
    if words[1:2] == [b"UNKNOWN"]:
        return ProxyHeader(end + 2, None)
    if len(words) != 6 or words[1] not in _V1_FAMILIES:
        raise BadProxyHeader
    return ProxyHeader(end + 2, (_address(words[1], words[2]), _port(words[4])))


def _address(family: bytes, text: bytes) -> str:
    try:
        return str(_V1_FAMILIES[family](text.decode("ascii")))
    except ValueError:  # UnicodeDecodeError is one
        raise BadProxyHeader from None


def _port(text: bytes) -> int:
    if not text.isdigit() or len(text) > 5:
        raise BadProxyHeader
    return int(text)


def _read_v2(arrived: bytes) -> ProxyHeader | None:
    if len(arrived) < 16:
        return None
    command, family = arrived[12], arrived[13]
    length = 16 + int.from_bytes(arrived[14:16])
    if command not in (_LOCAL, _PROXIED) or length > MAX_HEADER_BYTES:
        raise BadProxyHeader
    if len(arrived) < length:
        return None
    size = _ADDRESS_BYTES.get(family)
    if command == _LOCAL or size is None:
        return ProxyHeader(length, None)
    if length < 16 + 2 * size + 4:
        raise BadProxyHeader
    port = int.from_bytes(arrived[16 + 2 * size : 18 + 2 * size])
    return ProxyHeader(length, (str(ip_address(arrived[16 : 16 + size])), port))
