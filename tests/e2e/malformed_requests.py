"""Requests that SPEC §2.1 and §2.2 refuse, on every route of both APIs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.contract.vectors import load
from tests.support.builders import SEED_CLIENT_PUBLIC_KEY
from tests.support.product import BLOCKS, CAUSE, CONFIRM, INTERNAL, SEND

BAD_ACTORS: tuple[dict[str, Any], ...] = (
    {}, {"type": ""}, {"type": "A"}, {"type": "x" * 33}, {"type": 1}, {"id": "b"}, {"type": "a", "id": ""},
    {"type": "a", "id": "x" * 129}, {"type": "a", "id": 1}, {"type": "a", "name": "b"},
)  # fmt: skip
BAD_INSTANTS = (
    "", "tomorrow", "2126-05-05", "2126-05-05T12:00:00", "2126-05-05T12:00:00+00:00", "2126-02-30T12:00:00Z",
    "2126-05-05T12:00:00.5Z", "2126-05-05t12:00:00z",
)  # fmt: skip
BAD_MEDIA_TYPES = (
    "", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json",
    "application/json, text/plain", "multipart/form-data; boundary=x", "application/jsonx",
)  # fmt: skip
BAD_PAGES = (
    "limit=0", "limit=-1", "limit=1001", "limit=", "limit=1.0", "limit=%EF%BC%91", "limit=1&limit=1", "limit",
    "limit=%ff", "cursor=", "cursor=x", "cursor=%00", "cursor=AAAA", "unknown=1", "=1", "&",
)  # fmt: skip
BAD_LOOK_UPS = ("?email=", "?email=nobody", "?email=a@example.com&email=b@example.com", "?mail=a@example.com")
NO_ROUTES = (
    "/", "/api", "/api/v1/internal", "/favicon.ico", f"{INTERNAL}/sessions", f"{INTERNAL}/sessions/a/b",
    f"{INTERNAL}/sessions/%00", f"{INTERNAL}/sessions/a%2Frevoke", f"{INTERNAL}/sessions/%ff",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One request that must be refused with `status` and `code`. The message names the field `names`."""

    method: str
    path: str
    status: int
    code: str
    body: bytes | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    names: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Things that exist, so that a request which was wrongly accepted would change something."""

    email: str
    challenge_id: str
    code: str
    device_session_id: str
    user_id: str

    def bodies(self) -> dict[str, dict[str, Any]]:
        """A valid body for each route that takes one. The route would accept it."""
        return {
            SEND: {"email": self.email},
            CONFIRM: {
                "challenge_id": self.challenge_id,
                "code": self.code,
                "client_public_key": SEED_CLIENT_PUBLIC_KEY,
            },
            f"{INTERNAL}/sessions/{self.device_session_id}/revoke": {**CAUSE},
            f"{INTERNAL}/users/{self.user_id}/sessions/revoke-all": {**CAUSE},
            BLOCKS: {"email": self.email, **CAUSE},
            f"{BLOCKS}/remove": {"email": self.email, **CAUSE},
        }


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def malformed_bodies(body: dict[str, Any]) -> Iterator[bytes]:
    """Bodies that every JSON route must refuse: not one object with these names, each once, of their types."""
    good = encoded(body)
    first = next(iter(body))
    yield from (b"", b" ", b"{", b"null", b"[]", b'"text"', b"42", b"[" + good + b"]", b"{}")
    yield from (good + good, good + b"x", good[:-1], good[:-1] + b",}", b"\xef\xbb\xbf" + good, b"\xff\xfe" + good)
    yield json.dumps(body).encode("utf-16")
    yield good[:-1] + b', "unknown": 1}'
    yield good[:-1] + b", " + encoded(first) + b": " + encoded(body[first]) + b"}"
    for name, value in body.items():
        yield encoded({key: body[key] for key in body if key != name})
        yield from (encoded({**body, name: wrong}) for wrong in (None, 1, True, [], [value], {"a": 1}))
        yield from (encoded({**body, name: text}) for text in ("\0", f"a\0{value}", "\ud800"))
        yield from (good.replace(encoded(value), number, 1) for number in (b"NaN", b"Infinity", b"-Infinity", b"1e999"))
    yield b"[" * 7000 + b"]" * 7000
    yield b'{"a":' * 2500 + b"1" + b"}" * 2500
    yield b'{"a":' + b"9" * 6000 + b"}"


def body_cases(known: Known) -> Iterator[Case]:
    for path, body in known.bodies().items():
        for malformed in malformed_bodies(body):
            yield Case("POST", path, 400, "invalid_request", malformed)


def value_cases(known: Known) -> Iterator[Case]:
    """Well-formed bodies with a value that is not valid."""
    bodies = known.bodies()
    for email in load("email_addresses")["refused"]:
        yield Case("POST", SEND, 400, "invalid_request", encoded({"email": email["email"]}), names="email")
        yield Case("POST", BLOCKS, 400, "invalid_request", encoded({**CAUSE, "email": email["email"]}), names="email")
    for key in load("client_public_keys")["refused"]:
        body = {**bodies[CONFIRM], "client_public_key": key["client_public_key"]}
        yield Case("POST", CONFIRM, 400, "invalid_client_public_key", encoded(body))
    for code in (
        "",
        "12345",
        "1234567",
        "12345a",
        "١٢٣٤٥٦",
        "１２３４５",
        "12 345",
        "123456654321",
        "+12345",
        "-12345",
        "1e5000",
    ):
        yield Case("POST", CONFIRM, 400, "invalid_code", encoded({**bodies[CONFIRM], "code": code}))
    for zone in (1, True, ["UTC"], {"name": "UTC"}, "UTC\0"):
        body = {**bodies[CONFIRM], "time_zone": zone}
        yield Case("POST", CONFIRM, 400, "invalid_request", encoded(body), names="time_zone")
    for proof in ("", "x", "A" * 88, "AAAA"):
        body = {**bodies[CONFIRM], "client_key_proof": proof}
        yield Case("POST", CONFIRM, 400, "invalid_client_public_key", encoded(body))
    for challenge_id in ("challenge-unknown", "x", "'; drop table users", "challenge-" + "z" * 5000, "😀"):
        body = {**bodies[CONFIRM], "challenge_id": challenge_id}
        yield Case("POST", CONFIRM, 404, "challenge_not_found", encoded(body))


def attribution_cases(known: Known) -> Iterator[Case]:
    for path, body in known.bodies().items():
        if "actor" not in body:
            continue
        for reason in ("", "Admin", "a b", "x" * 65, "é", "a-b", "a\nb"):
            bad = encoded({**body, "reason_code": reason})
            yield Case("POST", path, 400, "invalid_request", bad, names="reason_code")
        for actor in BAD_ACTORS:
            yield Case("POST", path, 400, "invalid_request", encoded({**body, "actor": actor}), names="actor")
    both = {**CAUSE, "email": known.email, "user_id": known.user_id}
    for path in (BLOCKS, f"{BLOCKS}/remove"):
        yield Case("POST", path, 400, "invalid_request", encoded(both), names="email and user_id")
    for instant in BAD_INSTANTS:
        body = {**CAUSE, "email": known.email, "expires_at": instant}
        yield Case("POST", BLOCKS, 400, "invalid_request", encoded(body), names="expires_at")
    path = f"{INTERNAL}/users/{known.user_id}/sessions/revoke-all"
    body = {**CAUSE, "except_device_session_id": ""}
    yield Case("POST", path, 400, "invalid_request", encoded(body), names="except_device_session_id")


def header_cases(known: Known) -> Iterator[Case]:
    for path, body in known.bodies().items():
        good = encoded(body)
        for media_type in BAD_MEDIA_TYPES:
            yield Case("POST", path, 415, "unsupported_media_type", good, {"content-type": media_type})
        yield Case("POST", path, 415, "unsupported_media_type", good, {"content-encoding": "gzip"})
        yield Case("POST", path, 415, "unsupported_media_type", good, {"content-type": None})
        yield Case("POST", path, 413, "request_too_large", good + b" " * (16 * 1024 + 1 - len(good)))


def route_cases(known: Known) -> Iterator[Case]:
    for path in known.bodies():
        reading = () if path == BLOCKS else ("GET", "HEAD")
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", *reading):
            yield Case(method, path, 405, "method_not_allowed")
        yield Case("POST", path + "/", 404, "not_found", encoded(known.bodies()[path]))
        yield Case("POST", "/" + path, 404, "not_found", encoded(known.bodies()[path]))
        yield Case("POST", path.upper(), 404, "not_found", encoded(known.bodies()[path]))
    session = f"{INTERNAL}/sessions/{known.device_session_id}"
    sessions = f"{INTERNAL}/users/{known.user_id}/sessions"
    for path in (session, sessions, f"{INTERNAL}/users", f"{INTERNAL}/dev/mailbox"):
        yield from (Case(method, path, 405, "method_not_allowed", b"{}") for method in ("POST", "DELETE", "PUT"))
    for path in NO_ROUTES:
        yield Case("GET", path, 404, "not_found")
    yield Case("GET", f"{INTERNAL}/sessions/device-session-{'x' * 5000}", 404, "session_not_found")


def query_cases(known: Known) -> Iterator[Case]:
    sessions, blocks = f"{INTERNAL}/users/{known.user_id}/sessions", BLOCKS
    for path in (sessions, blocks, f"{INTERNAL}/users"):
        for query in BAD_PAGES:
            yield Case("GET", f"{path}?{query}", 400, "invalid_request")
    yield from (Case("GET", f"{sessions}?status={status}", 400, "invalid_request") for status in ("", "ACTIVE", "x"))
    for query in ("email=a%40example.com&user_id=user-1", "email=", "user_id=", "email=nobody"):
        yield Case("GET", f"{blocks}?{query}", 400, "invalid_request")
    for path in (f"{INTERNAL}/users", f"{INTERNAL}/dev/mailbox"):
        for query in BAD_LOOK_UPS:
            yield Case("GET", path + query, 400, "invalid_request")
    yield from (Case("GET", f"{INTERNAL}/dev/mailbox{query}", 400, "invalid_request") for query in ("", "?"))
    yield Case("GET", f"{INTERNAL}/users?email=nobody@example.com&limit=5", 400, "invalid_request")
    yield Case("GET", f"{INTERNAL}/users?email=nobody@example.com", 404, "subject_not_found")


def vain_mutations(known: Known) -> list[Case]:
    """Well-formed mutations of things that do not or cannot exist. They are refused, and audited as SPEC §10.8 says."""
    cause = {**CAUSE}
    spared = {**cause, "except_device_session_id": "device-session-none"}
    past = {**cause, "email": known.email, "expires_at": "2001-01-01T00:00:00Z"}
    return [
        Case("POST", f"{INTERNAL}/sessions/device-session-none/revoke", 404, "session_not_found", encoded(cause)),
        Case("POST", f"{INTERNAL}/users/user-none/sessions/revoke-all", 404, "subject_not_found", encoded(cause)),
        Case("POST", f"{INTERNAL}/users/{known.user_id}/sessions/revoke-all", 400, "invalid_request", encoded(spared)),
        Case("POST", BLOCKS, 404, "subject_not_found", encoded({**cause, "user_id": "user-none"})),
        Case("POST", BLOCKS, 400, "invalid_request", encoded(past), names="expires_at"),
    ]


def refused_requests(known: Known) -> list[Case]:
    """Every request that must be refused and change nothing."""
    makers = (body_cases, value_cases, attribution_cases, header_cases, route_cases, query_cases)
    return [case for maker in makers for case in maker(known)]
