"""Api: whether a program of this machine made a request itself, not for somebody behind it."""

from ipaddress import ip_address

from shared.web.exchange import Request

_FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


def is_local(request: Request) -> bool:
    """A loopback peer (or a Unix socket), and no header that a proxy adds."""
    is_forwarded = any(name in request.headers for name in _FORWARDING_HEADERS)
    return not is_forwarded and ip_address(request.client.address).is_loopback
