"""Answers browsers for the origins of the gateway's configuration (Fetch standard, §3.2). Pure.

Without origins a gateway sends no CORS header and leaves those of the app alone. With origins it alone decides: an
`Access-Control-Allow-Origin` of the app is removed.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

MAX_AGE = b"600"
"""Seconds for which a browser remembers a preflight. An answer without the origin's header still stops it."""
_METHOD = re.compile(rb"[A-Za-z-]{1,32}")
_NAMES = re.compile(rb"[A-Za-z0-9_, \t-]{1,2000}")
_EXPOSED = b"date, retry-after"


def allowed_origin(headers: Headers, origins: Sequence[str]) -> bytes | None:
    """The origin of the request, if it is exactly one of `origins`."""
    given = _only(headers, b"origin")
    return given if given is not None and given.decode("latin-1") in origins else None


def preflight_answer(method: str, headers: Headers, origin: bytes | None) -> list[tuple[bytes, bytes]] | None:
    """The headers of the answer (204) to a preflight of an allowed origin; None for any other request.

    Method and headers are those that the browser asked for. The signature and the app decide about them.
    """
    asked = _only(headers, b"access-control-request-method")
    if method != "OPTIONS" or origin is None or asked is None or not _METHOD.fullmatch(asked):
        return None
    answer = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", asked),
        (b"access-control-max-age", MAX_AGE),
        (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    ]
    names = _only(headers, b"access-control-request-headers")
    if names is not None and _NAMES.fullmatch(names):
        answer.append((b"access-control-allow-headers", names))
    return answer


def with_origin(headers: Headers, origin: bytes | None) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, for a gateway that has origins. `origin` is None for an origin that is not allowed."""
    kept = [(name, value) for name, value in headers if name.lower() != b"access-control-allow-origin"]
    kept.append((b"vary", b"Origin"))
    if origin is not None:
        kept.append((b"access-control-allow-origin", origin))
        if _only(kept, b"access-control-expose-headers") is None:
            kept.append((b"access-control-expose-headers", _EXPOSED))
    return kept


def _only(headers: Headers, wanted: bytes) -> bytes | None:
    """The value of a header that is there exactly once."""
    values = [value for name, value in headers if name.lower() == wanted]
    return values[0] if len(values) == 1 else None
