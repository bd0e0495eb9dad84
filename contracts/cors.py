"""The words of CORS that the public API and gateways share (SPEC §21.1). Pure.

No answer allows credentials: a signed request carries its proof itself, so cookies are never needed.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from contracts.signed_request import HEADERS

Fields: TypeAlias = Iterable[tuple[bytes, bytes]]
"""The header fields of a message, as in ASGI. Gateways may get names in any case."""

ANY_ORIGIN: Final = "*"
"""Allows every origin. It stands alone."""
MAX_ORIGINS: Final = 64
MAX_AGE: Final = b"7200"
"""Seconds for which a browser remembers a preflight: the most that Chromium takes."""
ALLOWED_HEADERS: Final = ("content-type", "accept-language", *HEADERS)
"""The request headers that a page may set."""
EXPOSED_HEADERS: Final = b"date, retry-after, x-request-id"
"""The answer's headers that a page may read. A client learns the difference of the clocks from `date`."""

_ANY = (ANY_ORIGIN,)
_MAX_ORIGIN_LENGTH = 300
_MAX_PORT = 65535
_HOST = r"(?:[a-z0-9._~!$&'()+,;=%-]{1,253}|\[[0-9a-f:.]{2,45}\])"
_ORIGIN = re.compile(rf"https?://{_HOST}(?::(?P<port>[1-9][0-9]{{0,4}}))?", re.ASCII)


def _is_origin(text: str) -> bool:
    found = _ORIGIN.fullmatch(text) if len(text) <= _MAX_ORIGIN_LENGTH else None
    return found is not None and int(found["port"] or "1") <= _MAX_PORT


_FAULTS: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (
        lambda text: text.lower() == "null",
        "is null, which pages of anybody can send: serve the page from an origin of its own",
    ),
    (
        lambda text: "*" in text,
        "is a pattern, which would allow origins of others: write each origin, or * alone for every one",
    ),
    (
        lambda text: not text.lower().startswith(("https://", "http://")),
        "does not begin with https:// or http://: write an origin such as https://app.example.com",
    ),
    (
        lambda text: any(each in text.partition("://")[2] for each in "/?#"),
        "has a path or a slash at its end: write scheme, host and port alone",
    ),
    (lambda text: text != text.lower(), "has capital letters: write it in lower case, as browsers send it"),
    (
        lambda text: not text.isascii(),
        "has letters outside ASCII: write the host in Punycode, as browsers send it",
    ),
    (
        lambda text: not _is_origin(text),
        "is no origin: write one such as https://app.example.com or http://localhost:3000",
    ),
)


def origin_problem(origin: str) -> str | None:
    """The reason why no browser sends this origin, or why it must not be allowed, with the cure. None for a sound one.

    It never quotes the origin. Browsers send scheme and host in lower case, and no path (RFC 6454 §6.2).
    """
    return next((problem for is_so, problem in _FAULTS if is_so(origin)), None)


def are_sound_origins(origins: Sequence[str]) -> bool:
    """Whether the list is `*` alone or exact origins, at most `MAX_ORIGINS` of them."""
    if tuple(origins) == _ANY:
        return True
    return len(origins) <= MAX_ORIGINS and all(origin_problem(origin) is None for origin in origins)


def is_preflight(method: str, fields: Fields) -> bool:
    """Whether a browser asks before a request: OPTIONS with one origin and one method that it means to use."""
    if method != "OPTIONS":
        return False
    names = [name.lower() for name, _ in fields]
    return names.count(b"origin") == 1 and names.count(b"access-control-request-method") == 1


def only(fields: Fields, wanted: bytes) -> bytes | None:
    """The value of a field that is there exactly once. `wanted` is in lower case."""
    values = [value for name, value in fields if name.lower() == wanted]
    return values[0] if len(values) == 1 else None


def allowed_origin(fields: Fields, origins: Sequence[str]) -> bytes | None:
    """The value of `Access-Control-Allow-Origin` for a request: its origin if that is one of `origins`, or `*`."""
    if tuple(origins) == _ANY:
        return b"*"
    given = only(fields, b"origin")
    return given if given is not None and given.decode("latin-1") in origins else None


def answer_fields(origin: bytes | None) -> list[tuple[bytes, bytes]]:
    """The fields of every answer where CORS is on. `origin` is None for a page that may not read the answer."""
    if origin is None:
        return [(b"vary", b"Origin")]
    return [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", EXPOSED_HEADERS),
    ]
