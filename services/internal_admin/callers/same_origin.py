"""Api: the proof that a page of our own origin made a request, which mutations by cookie need (SPEC §10.4)."""

from urllib.parse import urlsplit

from services.internal_admin.callers.request_scheme import Scheme
from shared.web.exchange import Headers

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_same_origin(headers: Headers, scheme: Scheme) -> bool:
    """Whether the browser vouches for it: `Sec-Fetch-Site` (Fetch Metadata) says `same-origin`, or, from a browser that
    does not send that, `Origin` (RFC 6454) is `scheme` and the authority of `Host`. Without both there is no proof."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin, host = headers.get("origin"), headers.get("host")
    if origin is None or host is None:
        return False
    own = _authority(f"{scheme}://{host}")
    return own is not None and _authority(origin) == own


def _authority(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin; None for whatever has more or less than these (`null`, a path, a user)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or parts.hostname is None or "@" in parts.netloc or url != f"{parts.scheme}://{parts.netloc}":
        return None
    return parts.scheme, parts.hostname, default if port is None else port
