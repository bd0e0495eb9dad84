"""The client's address: the peer of the connection, or the one that trusted proxies name in `X-Forwarded-For`.

See SPEC §9.1.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from shared.kernel.network import IpAddress, IpNetwork, Network, parse_network

_KEPT = 4096
_MAX_KEPT_LENGTH = 256
"""Maximum length of a forwarded header that is cached. A stranger may send 16 KiB, but must not fill our memory."""
_MAX_HOPS = 32

_log = logging.getLogger("authsession.web.client_address")

UNIX_PEER = "127.0.0.1"
"""The address of a peer on a Unix socket. It is a process of this machine, and is trusted if loopback is."""


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """The client of a request. `address` is its IP address as text; limits count by `network`.

    `is_forwarded` means that the request had a forwarding header, trusted or not, so the peer may not be the client.
    `is_behind_trusted_proxy` means that the peer is a trusted proxy, so its statements about the request are believed.
    """

    address: str
    network: Network
    is_forwarded: bool = False
    is_behind_trusted_proxy: bool = False


class ClientAddresses:
    """Finds client addresses behind trusted proxies. Logs one warning about forwarded headers of other peers."""

    def __init__(self, trusted_proxies: Sequence[IpNetwork] = ()) -> None:
        self._trusted_proxies = tuple(trusted_proxies)
        self._has_warned = False
        self._of_peer = lru_cache(maxsize=_KEPT)(self._resolve)

    def resolve(self, peer: str | None, forwarded_for: str | None) -> ClientAddress:
        """The client behind `peer`, which is None for a Unix socket. `forwarded_for` is the joined `X-Forwarded-For`.

        Entries count from the right, 32 at most. Each is believed if the one to its right is a trusted proxy. An entry
        that is no address ends the walk, so that limits count a broken proxy itself.
        """
        find = self._resolve if len(forwarded_for or "") > _MAX_KEPT_LENGTH else self._of_peer
        return find(peer or UNIX_PEER, forwarded_for)

    def _resolve(self, peer: str, forwarded_for: str | None) -> ClientAddress:
        address = _parse(peer) or IPv4Address(UNIX_PEER)
        is_trusted = self._is_trusted(address)
        if forwarded_for is None:
            return _client(address, is_forwarded=False, is_behind_trusted_proxy=is_trusted)
        if not is_trusted:
            self._warn_once()
            return _client(address, is_forwarded=True, is_behind_trusted_proxy=False)
        for entry in reversed(forwarded_for.rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]):
            hop = _parse(_without_port(entry.strip()))
            if hop is None:
                break
            address = hop
            if not self._is_trusted(address):
                break
        return _client(address, is_forwarded=True, is_behind_trusted_proxy=True)

    def _is_trusted(self, address: IpAddress) -> bool:
        return any(address in network for network in self._trusted_proxies)

    def _warn_once(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            _log.warning("forwarded header ignored: its peer is no trusted proxy")


def _client(address: IpAddress, *, is_forwarded: bool, is_behind_trusted_proxy: bool) -> ClientAddress:
    return ClientAddress(str(address), parse_network(str(address)), is_forwarded, is_behind_trusted_proxy)


def _parse(text: str) -> IpAddress | None:
    """The address without its zone, an IPv4-mapped one as IPv4; None if `text` is no address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _without_port(entry: str) -> str:
    """The entry without a port. `192.0.2.1:4711` and `[2001:db8::1]:4711` (RFC 7239 §6) are common."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
