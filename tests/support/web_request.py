"""Requests to the internal listener, as its endpoints receive them."""

from shared.kernel.network import IpNetwork
from shared.web.client_address import ClientAddresses
from shared.web.exchange import Headers, Request


def request(
    headers: dict[str, str] | None = None, peer: str | None = "127.0.0.1", proxies: tuple[IpNetwork, ...] = ()
) -> Request:
    """A request from `peer` with these headers. A `peer` of None means a Unix socket. `proxies` are trusted."""
    sent = Headers([(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()])
    client = ClientAddresses(proxies).resolve(peer, sent.get("x-forwarded-for"))
    return Request("POST", "/", {}, "", sent, b"", client, "request-1")
