"""The configuration of a gateway: a document of its pool's manifest (SPEC §16). All times are in seconds.

The control plane checks a draft with `decode_gateway_configuration`, and a gateway reads the document with it.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, cast

from contracts.cors import MAX_ORIGINS, are_sound_origins
from contracts.encoding import encode
from contracts.strict_json import (
    Fields,
    decode_object,
    invalid,
    known_fields,
    read_list,
    read_text,
    read_whole_number,
)

KIND: Final = "gateway_config"
"""The `kind` of the document in a manifest."""

Mode: TypeAlias = Literal["fail_closed", "fail_static"]
Requirement: TypeAlias = Literal["session", "nothing"]

DEFAULT_FRESHNESS: Final = 30
MAX_FRESHNESS: Final = 300
REPLAY_FACTOR: Final = 3
"""A request is fresh for two windows, and the clocks of two gateways may differ by one more."""
MAX_REPLAY: Final = 3600
MAX_SERVE_KNOWN_FOR: Final = 86_400
DEFAULT_BODY_BYTES: Final = 1 << 20
MAX_BODY_BYTES: Final = 64 << 20
MAX_SESSION_AGE: Final = 10 * 365 * 86_400
MAX_ROUTES: Final = 256

_NAMES = frozenset({
    "mode", "serve_known_for", "freshness_window", "replay_window", "cors_origins", "max_body_bytes", "routes",
})  # fmt: skip
_ROUTE_NAMES = frozenset({"match", "requires", "max_session_age"})
_MATCH = re.compile(r"(\*|[A-Z]{1,16}) (/[!-)+-~]{0,500}\*?|\*)", re.ASCII)
_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_SESSION_ID = re.compile(rf"device-session-(?P<time>[0-7][{_CROCKFORD}]{{9}})[{_CROCKFORD}]{{16}}", re.ASCII)
_PLAIN_PATH = re.compile(
    r"(?:/(?!\.{1,2}(?:/|\Z))"
    r"(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%20|%[89AB][0-9A-F]|%C[2-9A-F]|%[DEF][0-9A-F])+)+/?|/",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """A rule for requests. `match` is a method or `*`, a space, and a path; a `*` at its end matches every rest.

    The path is compared as it was sent, without the query. A rule for GET holds for HEAD too. `max_session_age` is in
    seconds since the login.
    """

    match: str
    requires: Requirement
    max_session_age: int | None = None

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule is for this request."""
        wanted_method, _, wanted = self.match.partition(" ")
        if wanted_method not in (("*", "GET", "HEAD") if method == "HEAD" else ("*", method)):
            return False
        return path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted


@dataclass(frozen=True, slots=True)
class GatewayConfiguration:
    """A gateway's configuration. The first matching route decides; a request without one requires a session."""

    mode: Mode = "fail_closed"
    serve_known_for: int | None = None
    freshness_window: int = DEFAULT_FRESHNESS
    replay_window: int = DEFAULT_FRESHNESS * REPLAY_FACTOR
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: int = DEFAULT_BODY_BYTES
    routes: tuple[GatewayRoute, ...] = ()

    def route_for(self, method: str, path: str) -> GatewayRoute:
        """The rule for a request. Any other spelling than the plain one gets the strictest rule of all.

        Else `//admin` or `/%61dmin` would pass by a rule for `/admin`, and reach the same code behind the gateway.
        """
        if not is_plain_path(path):
            return self._strictest_rule()
        return next((route for route in self.routes if route.matches(method, path)), _SESSION_REQUIRED)

    def _strictest_rule(self) -> GatewayRoute:
        """A session of the shortest age that any route asks for."""
        ages = [route.max_session_age for route in self.routes if route.max_session_age is not None]
        return replace(_SESSION_REQUIRED, max_session_age=min(ages, default=None))


_SESSION_REQUIRED = GatewayRoute("* *", "session")


def is_plain_path(path: str) -> bool:
    """Whether no server reads this path as another one.

    Its segments are not empty, `.` or `..`, and have no `;`. An escape is of a space or of UTF-8, in upper-case hex.
    """
    return _PLAIN_PATH.fullmatch(path) is not None


def is_too_old(device_session_id: str, max_session_age: int, now_ms: float) -> bool:
    """Whether the login of this session lies too far back. The id has its time: `device-session-` and a ULID.

    True for an id without a time, and for a time that is not here for another five minutes.
    """
    found = _SESSION_ID.fullmatch(device_session_id)
    if found is None:
        return True
    began_ms = 0
    for digit in found["time"]:
        began_ms = began_ms * 32 + _CROCKFORD.index(digit)
    return not -MAX_FRESHNESS * 1000 <= now_ms - began_ms <= max_session_age * 1000


def decode_gateway_configuration(document: bytes) -> GatewayConfiguration:
    """The configuration in a document's bytes. Raises `Refusal(INVALID_REQUEST)`, which names the field."""
    return read_gateway_configuration(decode_object(document))


def read_gateway_configuration(value: Fields) -> GatewayConfiguration:
    """The configuration in a decoded object; absent fields have their defaults. Raises as the decoder does."""
    fields = known_fields(value, _NAMES)
    mode = read_text(fields, "mode") if "mode" in fields else "fail_closed"
    if mode not in ("fail_closed", "fail_static"):
        raise invalid("mode must be fail_closed or fail_static")
    known_for = (
        read_whole_number(fields, "serve_known_for", 1, MAX_SERVE_KNOWN_FOR) if "serve_known_for" in fields else None
    )
    if (mode == "fail_static") != (known_for is not None):
        raise invalid("serve_known_for belongs to the mode fail_static, and to no other")
    window = read_whole_number(fields, "freshness_window", 1, MAX_FRESHNESS, DEFAULT_FRESHNESS)
    least = window * REPLAY_FACTOR
    replay = read_whole_number(fields, "replay_window", least, MAX_REPLAY, least)
    return GatewayConfiguration(
        mode,
        known_for,
        window,
        replay,
        _read_origins(fields),
        read_whole_number(fields, "max_body_bytes", 0, MAX_BODY_BYTES, DEFAULT_BODY_BYTES),
        tuple(_read_route(each) for each in read_list(fields, "routes", MAX_ROUTES)),
    )


def encode_gateway_configuration(configuration: GatewayConfiguration) -> bytes:
    """The document's bytes, with every field spelled out. Equal configurations have equal bytes."""
    known_for = configuration.serve_known_for
    return encode({
        "mode": configuration.mode,
        **({} if known_for is None else {"serve_known_for": known_for}),
        "freshness_window": configuration.freshness_window,
        "replay_window": configuration.replay_window,
        "cors_origins": list(configuration.cors_origins),
        "max_body_bytes": configuration.max_body_bytes,
        "routes": [
            {
                "match": route.match, "requires": route.requires,
                **({} if route.max_session_age is None else {"max_session_age": route.max_session_age}),
            }
            for route in configuration.routes
        ],
    })  # fmt: skip


def _read_route(value: object) -> GatewayRoute:
    if not isinstance(value, dict):
        raise invalid("routes must hold objects")
    fields = known_fields(cast("Fields", value), _ROUTE_NAMES, within="routes.")
    match = read_text(fields, "match", within="routes.")
    if not _MATCH.fullmatch(match) or not _can_match(match.partition(" ")[2]):
        raise invalid("routes.match must be a method or *, a space, and a plain path which may end with *")
    requires = read_text(fields, "requires", within="routes.")
    if requires not in ("session", "nothing"):
        raise invalid("routes.requires must be session or nothing")
    age = None
    if "max_session_age" in fields:
        age = read_whole_number(fields, "max_session_age", 1, MAX_SESSION_AGE, within="routes.")
        if requires == "nothing":
            raise invalid("routes.max_session_age belongs to a route that requires a session")
    return GatewayRoute(match, requires, age)


def _can_match(path: str) -> bool:
    """Whether any request with a plain path gets this rule."""
    return path == "*" or is_plain_path(f"{path[:-1]}x" if path.endswith("*") else path)


def _read_origins(fields: Fields) -> tuple[str, ...]:
    """Exact origins, or `*` alone."""
    origins = read_list(fields, "cors_origins", MAX_ORIGINS)
    texts = tuple(each for each in origins if isinstance(each, str))
    if len(texts) != len(origins) or not are_sound_origins(texts):
        raise invalid("cors_origins must hold origins like https://app.example.com, or * alone")
    return texts
