"""A network: the address space of one subscriber, an IPv4 address or an IPv6 /56. Limits against abuse count it."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

_SUBSCRIBER_BITS = 56
_FORMER_BITS = 64

_COMPATIBLE = IPv6Network("::/96")  # RFC 4291 §2.5.5.1
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # RFC 2765
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")  # RFC 8215


@dataclass(frozen=True, slots=True)
class Network:
    """`text` is canonical, such as `192.0.2.7` or `2001:db8:1:200::/56`, so that equal networks have equal text."""

    text: str
    former_text: str | None = field(default=None, compare=False)
    """The text as an IPv6 /64, which earlier releases used; None for IPv4."""


def parse_network(address: str) -> Network:
    """The network of an address. An IPv6 address that embeds an IPv4 address counts as that one; a zone id is dropped.

    Raises `ValueError` for text that is no IP address.
    """
    parsed = ip_address(address)
    ipv4 = parsed if isinstance(parsed, IPv4Address) else embedded_ipv4(parsed)
    if ipv4 is not None:
        return Network(str(ipv4))
    bits = int(parsed)
    return Network(_prefix_text(bits, _SUBSCRIBER_BITS), _prefix_text(bits, _FORMER_BITS))


def _prefix_text(bits: int, length: int) -> str:
    host_bits = 128 - length
    return str(IPv6Network((bits >> host_bits << host_bits, length)))


def embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv4-mapped, IPv4-compatible, translated, 6to4, Teredo or NAT64 address; else None.

    6to4 is 2002::/16. Teredo is 2001::/32, where the client's address counts.
    """
    known_forms = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
    if known_forms:
        return known_forms
    is_compatible = address in _COMPATIBLE and not (address.is_loopback or address.is_unspecified)
    if is_compatible or address in _TRANSLATED or address in _NAT64:
        return _low_32_bits(int(address))
    return _local_nat64_ipv4(int(address)) if address in _LOCAL_NAT64 else None


def _local_nat64_ipv4(bits: int) -> IPv4Address:
    """The IPv4 address in a local NAT64 address. Its place depends on the operator's prefix (RFC 6052 §2.2).

    The prefix is unknown here. Only zeros follow the IPv4 address, and bits 64 to 71 are always zero, which together
    tell a prefix of /96, /64, /56 or /48.
    """
    if bits & 0xFFFFFF:
        return _low_32_bits(bits)
    before, after = bits >> 64 & 0xFFFFFFFF, bits & 0x00FFFFFFFFFFFFFF
    if after & 0xFF000000:
        return _low_32_bits(after >> 24)
    if after & 0xFF00000000:
        return _low_32_bits((before & 0xFF) << 24 | after >> 32)
    return _low_32_bits((before & 0xFFFF) << 16 | after >> 40)


def _low_32_bits(bits: int) -> IPv4Address:
    return IPv4Address(bits & 0xFFFFFFFF)
