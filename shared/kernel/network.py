"""Kernel: a network, the unit of abuse limits: one IPv4 address, or one IPv6 /64 (what one subscriber holds)."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_SUBSCRIBER_MASK = ~((1 << 64) - 1)


@dataclass(frozen=True, slots=True)
class Network:
    """`text` is canonical, `192.0.2.7` or `2001:db8:1:2::/64`: equal networks have equal text."""

    text: str


def parse_network(address: str) -> Network:
    """The network of an address; an IPv4-mapped IPv6 address is that IPv4 address, a zone id is dropped.

    Raises `ValueError` for anything else.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return Network(_ipv6_text(parsed))
    return Network(str(parsed))


def _ipv6_text(address: IPv6Address) -> str:
    mapped: IPv4Address | None = address.ipv4_mapped
    return str(mapped) if mapped else str(IPv6Network((int(address) & _SUBSCRIBER_MASK, 64)))
