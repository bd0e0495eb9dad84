"""Who is asking: the peer of the connection, or what trusted proxies say in `X-Forwarded-For`."""

from __future__ import annotations

from dataclasses import dataclass

from shared.kernel.network import Network


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """`address` is one IP address in text; `network` is what limits count (IPv4 address or IPv6 /64).

    `is_forwarded` is true when the request carried any forwarding header, trusted or not.
    """

    address: str
    network: Network
    is_forwarded: bool = False
