"""Api: what a request says who calls. Judges nothing."""

import re
from dataclasses import dataclass, field

from shared.web.exchange import Request

_BEARER = re.compile(r"bearer +([!-~\x80-\xff]+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BearerToken:
    """Of the header `Authorization` (RFC 6750 §2.1)."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Credentials were given, of another kind or broken."""


def credentials_of(request: Request) -> BearerToken | Unreadable | None:
    """None: the request gives none. A bearer token goes before a cookie."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return None
    match = _BEARER.fullmatch(authorization)
    return BearerToken(match[1]) if match else Unreadable()
