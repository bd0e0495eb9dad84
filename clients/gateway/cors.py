"""Answers browsers for the origins of the gateway's configuration (SPEC §21.1). Pure.

Without origins a gateway sends no CORS header and leaves those of the app alone. With origins it alone decides: an
`Access-Control-Allow-Origin` and an `Access-Control-Allow-Credentials` of the app are removed.
"""

import re

from contracts.cors import ALLOWED_HEADERS, MAX_AGE, Fields, answer_fields, is_preflight, only

_METHOD = re.compile(rb"[A-Za-z-]{1,32}")
_NAMES = re.compile(rb"[A-Za-z0-9_, \t-]{1,2000}")
_DECIDED_HERE = (b"access-control-allow-origin", b"access-control-allow-credentials")
_OURS = [name.encode("ascii") for name in ALLOWED_HEADERS]


def preflight_answer(method: str, headers: Fields, origin: bytes | None) -> list[tuple[bytes, bytes]] | None:
    """The headers of the answer (204) to a preflight of an allowed origin; None for any other request.

    The method is the one that the browser asked for. The headers are those of a signed request, and the others that it
    asked for. The signature and the app decide about them.
    """
    headers = list(headers)
    asked = only(headers, b"access-control-request-method")
    if origin is None or not is_preflight(method, headers) or asked is None or not _METHOD.fullmatch(asked):
        return None
    return [
        *answer_fields(origin),
        (b"access-control-allow-methods", asked),
        (b"access-control-allow-headers", b", ".join([*_OURS, *_others(headers)])),
        (b"access-control-max-age", MAX_AGE),
    ]


def _others(headers: Fields) -> list[bytes]:
    """The names that the browser asked for beside ours. None of them if one is no name of a header."""
    names = only(headers, b"access-control-request-headers") or b""
    if not _NAMES.fullmatch(names):
        return []
    asked = dict.fromkeys(name.strip().lower() for name in names.split(b","))
    return [name for name in asked if name and name not in _OURS]


def with_origin(headers: Fields, origin: bytes | None) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, for a gateway that has origins. `origin` is None for an origin that is not allowed.

    A browser joins the names that the app exposes with ours.
    """
    kept = [(name, value) for name, value in headers if name.lower() not in _DECIDED_HERE]
    return [*kept, *answer_fields(origin)]
