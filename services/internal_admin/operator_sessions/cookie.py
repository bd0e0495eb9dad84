"""The cookie `authsession_operator`: a sealed session token (SPEC §10.4).

Its value is `v1.<key id>.<base64url of the sealed token>`; name and version are associated data.
Every key of the ring opens it; the newest key seals it, at log-in and at each renewal.
Reasons: docs/decisions/0023-operator-sessions.md.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeAlias

from services.internal_admin.callers.request import scheme_of
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable, seal, unseal
from shared.web.exchange import Request

NAME: Final = "authsession_operator"
_VERSION = "v1"
_ASSOCIATED_DATA = f"{NAME} {_VERSION}".encode("ascii")

Header: TypeAlias = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class NoCookie:
    """The request has no such cookie."""


@dataclass(frozen=True, slots=True)
class BrokenCookie:
    """The request has a cookie that no key opens, or several: a neighbouring host may have set another."""


@dataclass(frozen=True, slots=True)
class CookieToken:
    """The session token from the cookie. Its session may have ended."""

    text: str = field(repr=False)


FoundCookie: TypeAlias = NoCookie | BrokenCookie | CookieToken


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """Seals and opens the cookie, and writes its `Set-Cookie` (RFC 6265bis): host-only, for no script, same-site."""

    keys: KeyRing
    entropy: Entropy

    def find(self, cookie_header: str | None) -> FoundCookie:
        """Our cookie in the header `Cookie` of a request."""
        values = _values(cookie_header or "")
        if not values:
            return NoCookie()
        token = self._opened(values[0]) if len(values) == 1 else None
        return BrokenCookie() if token is None else CookieToken(token)

    def header(self, request: Request, token_text: str, life: timedelta) -> Header:
        """`Set-Cookie` in the answer to `request`, for a session that ends in `life` at the latest."""
        return _header(request, self.sealed(token_text), max_age=int(life.total_seconds()))

    def sealed(self, token_text: str) -> str:
        """The value of a cookie for this token."""
        key_id, sealed = seal(self.keys, token_text.encode("ascii"), _ASSOCIATED_DATA, self.entropy)
        return f"{_VERSION}.{key_id}.{urlsafe_b64encode(sealed).decode('ascii').rstrip('=')}"

    def _opened(self, value: str) -> str | None:
        version, _, rest = value.partition(".")
        key_id, _, encoded = rest.rpartition(".")  # a key id may hold dots
        if version != _VERSION:
            return None
        try:
            sealed = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            return unseal(self.keys, key_id, sealed, _ASSOCIATED_DATA).decode("ascii")
        except (binascii.Error, ValueError, Unsealable):
            return None


def clearing_header(request: Request) -> Header:
    """`Set-Cookie` that removes the cookie."""
    return _header(request, "", max_age=0)


def _header(request: Request, value: str, *, max_age: int) -> Header:
    secure = "; Secure" if scheme_of(request) == "https" else ""
    return b"set-cookie", f"{NAME}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}".encode(
        "ascii"
    )


def _values(cookie_header: str) -> list[str]:
    """The values of our cookie (RFC 6265 §4.2.1). A part that is no pair is not ours."""
    pairs = (part.strip().partition("=") for part in cookie_header.split(";"))
    return [value for name, separator, value in pairs if name == NAME and separator]
