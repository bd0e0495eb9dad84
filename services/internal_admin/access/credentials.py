"""The credentials that a request shows, read and not yet judged."""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from services.internal_admin.operator_sessions.cookie import BrokenCookie, CookieToken, NoCookie, SessionCookie
from shared.web.exchange import Headers

_BEARER = re.compile(r"bearer +([!-~\x80-\xff]+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NoCredentials:
    """The request shows none."""


@dataclass(frozen=True, slots=True)
class BearerToken:
    """The token of the header `Authorization` (RFC 6750 §2.1)."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnreadableAuthorization:
    """The header `Authorization` is broken, or of another scheme."""


Credentials: TypeAlias = NoCredentials | BearerToken | CookieToken | UnreadableAuthorization | BrokenCookie


def credentials_of(headers: Headers, cookie: SessionCookie) -> Credentials:
    """The credentials of a request. With a header `Authorization` the cookie is not looked at."""
    authorization = headers.get("authorization")
    if authorization is not None:
        match = _BEARER.fullmatch(authorization)
        return BearerToken(match[1]) if match else UnreadableAuthorization()
    found = cookie.find(headers.get("cookie"))
    return NoCredentials() if isinstance(found, NoCookie) else found
