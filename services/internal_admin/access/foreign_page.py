"""Api: whether a page of a stranger could have made a browser send a request that needs no credentials.

A name that resolves to this machine makes a stranger's page same-origin with us (DNS rebinding), and then the browser
shows it our answers. So the host must be one that only its owner can name: an address, `localhost`, or one of a list.
"""

from ipaddress import ip_address

from contracts.errors import ErrorCode
from services.internal_admin.access.denial import Denial
from services.internal_admin.callers.request import is_same_origin, scheme_of
from shared.web.exchange import Request

_UNKNOWN_HOST = "the host is unknown: add it to AUTHSESSION_INTERNAL_HOSTS, or use an IP address"


def denial_of_page(request: Request, known_hosts: frozenset[str]) -> Denial | None:
    """Why the request may come from a stranger's page; None if it does not. Programs send no `Origin`."""
    if not is_own_host(request.headers.get("host"), known_hosts):
        return Denial(ErrorCode.FORBIDDEN, _UNKNOWN_HOST)
    names_origin = "origin" in request.headers or "sec-fetch-site" in request.headers
    is_typed = request.headers.get("sec-fetch-site") == "none"
    if names_origin and not is_typed and not is_same_origin(request.headers, scheme_of(request)):
        return Denial(ErrorCode.CROSS_ORIGIN_REQUEST)
    return None


def is_own_host(host: str | None, known_hosts: frozenset[str]) -> bool:
    """Whether `Host` is an IP address, `localhost` or known; its port does not matter."""
    if host is None:
        return False
    if host.startswith("["):
        return _is_address(host[1:].partition("]")[0])
    name = host.partition(":")[0].lower()
    return name == "localhost" or name in known_hosts or _is_address(name)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
