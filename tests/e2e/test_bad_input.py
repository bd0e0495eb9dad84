"""Malformed requests are refused as SPEC §2.1 and §2.2 say, and change nothing anywhere."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import redis as redis_py

from tests.contract.vectors import load
from tests.support.builders import SEED_CLIENT_PUBLIC_KEY, email_address
from tests.support.product import BLOCKS, CAUSE, CONFIRM, INTERNAL, SEND, Product
from tests.support.redis_bytes import key_names
from tests.support.stack import REDIS_PASSWORD, wait_for

RATE_LIMITS = b"authsession:rate:"

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
    """One request that must be refused with `status` and `code`; `names` is a field that the message tells."""

    method: str
    path: str
    status: int
    code: str
    body: bytes | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    names: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Things that exist, so that a request which slipped through would change something."""

    email: str
    challenge_id: str
    code: str
    device_session_id: str
    user_id: str

    def bodies(self) -> dict[str, dict[str, Any]]:
        """A body for each route that takes one, which would be obeyed as it stands."""
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
    """Of any JSON route: what is no body of one object with these names, each once, of their types."""
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
    """Well-formed bodies whose values mean nothing."""
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
    """Well-formed, and about nothing that exists or could be: refused, and audited as SPEC §10.8 says."""
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


@pytest.fixture(scope="module")
def known(product: Product) -> Known:
    email = email_address()
    device_session_id = product.log_in(email)
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    return Known(email, challenge_id, code, device_session_id, product.user(email)["user_id"])


def postgres_state(product: Product) -> dict[str, tuple[int, str]]:
    """Rows and a checksum of every table; of the keeper's row without its beat, which goes on.
    Without what moves by itself: the guard's place in the stream and in its pass, and leases, which are renewed."""
    database = product.stack.database
    tables = [row["name"] for row in database.execute(
        "select tablename::text as name from pg_tables where schemaname = 'authsession' order by 1"
    )]  # fmt: skip
    assert {"challenges", "emails", "users", "device_sessions", "audit_events", "projection_outbox"} <= set(tables)
    return {
        table: tuple(database.execute(
            f"""select count(*), coalesce(md5(string_agg(row, '|' order by row)), '') from
                (select (to_jsonb({table}) - 'beat')::text as row from {table}) as every"""
        )[0])
        for table in tables
        if table not in ("projection_guard", "leases")
    }  # fmt: skip


def changed(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> set[str]:
    """The tables that are not what they were."""
    return {table for table in before if before[table] != after[table]}


def redis_state(product: Product) -> dict[bytes, object]:
    """Every key but rate limits, with its value; of the stream its length, of the projection its epoch."""
    gateway = product.gateway
    with redis_py.Redis(port=product.stack.redis_server.port, username="internal", password=REDIS_PASSWORD) as internal:
        keys = [key for key in key_names(internal) if not key.startswith(RATE_LIMITS)]
    state: dict[bytes, object] = {key: gateway.get(key) for key in keys if key.startswith(b"gateway:session:")}
    assert set(keys) - state.keys() == {b"gateway:projection", b"gateway:session_events"}
    state[b"gateway:session_events"] = gateway.xlen("gateway:session_events")
    state[b"gateway:projection"] = gateway.hget("gateway:projection", "epoch")
    return state


def quiet_state(product: Product) -> tuple[Any, Any]:
    """The state once nothing moves any more."""

    def twice() -> tuple[Any, Any] | None:
        first, second = postgres_state(product), postgres_state(product)
        is_published = second["projection_outbox"][0] == 0
        is_sealed = second["audit_seal"][0] == second["audit_events"][0]
        return (second, redis_state(product)) if first == second and is_published and is_sealed else None

    return wait_for(twice)


def answer_of(product: Product, case: Case) -> httpx.Response:
    is_public = case.path.lower().lstrip("/").startswith("api/v1/public")
    client = product.public if is_public else product.internal
    given = case.headers if case.body is None else {"content-type": "application/json", **case.headers}
    headers = {name: value for name, value in given.items() if value is not None}
    url = httpx.URL(str(client.base_url).rstrip("/") + "/").copy_with(raw_path=case.path.encode())
    return client.request(case.method, url, content=case.body, headers=headers)


def check(case: Case, answer: httpx.Response) -> None:
    shown = (case, answer.status_code, answer.text)
    assert answer.status_code == case.status, shown
    assert answer.headers["cache-control"] == "no-store", shown
    assert answer.headers["x-request-id"], shown
    assert "server" not in answer.headers, shown
    if case.status == 405:
        assert answer.headers["allow"], shown
    if case.method == "HEAD":
        return
    envelope = answer.json()
    assert list(envelope) == ["error"], shown
    assert list(envelope["error"]) == ["code", "message"], shown
    assert envelope["error"]["code"] == case.code, shown
    assert case.names in envelope["error"]["message"], shown


def test_the_whole_table_is_refused_and_changes_nothing(product: Product, known: Known) -> None:
    makers = (body_cases, value_cases, attribution_cases, header_cases, route_cases, query_cases)
    cases = [case for maker in makers for case in maker(known)]
    assert len(cases) > 700
    before = quiet_state(product)
    wrong: list[str] = []
    for case in cases:
        try:
            check(case, answer_of(product, case))
        except AssertionError as failure:
            wrong.append(str(failure)[:600])
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:40])
    after = quiet_state(product)
    assert changed(before[0], after[0]) <= {"audit_sealer"}  # how far back it still looks, which time alone moves
    assert after[1] == before[1]


def test_a_mutation_of_nothing_leaves_an_audit_row_and_changes_nothing_else(product: Product, known: Known) -> None:
    (rows, redis), cases = quiet_state(product), vain_mutations(known)
    for case in cases:
        check(case, answer_of(product, case))
    rows_after, redis_after = quiet_state(product)
    assert rows_after["audit_events"][0] == rows["audit_events"][0] + len(cases)
    trail = {"audit_events", "audit_seal", "audit_sealer"}
    assert changed(rows, rows_after) <= trail | {"emails"}  # the version of a row that was locked rises
    assert rows_after["emails"][0] == rows["emails"][0]
    assert redis_after == redis


RAW = [
    b"GARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40,
    b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}" % SEND.encode(),
    b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: x\r\n\r\n{}" % SEND.encode(),
    b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} " % SEND.encode(),
    b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n{}" % SEND.encode(),
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
]


def exchange(url: str, sent: bytes) -> bytes:
    """The bytes that come back on a connection of its own, up to its end."""
    split = urlsplit(url)
    with socket.create_connection((split.hostname or "", split.port or 0), timeout=5) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize("listener", ["public", "internal"])
def test_bytes_that_are_not_http_are_refused_in_our_envelope_and_closed(product: Product, listener: str) -> None:
    before = quiet_state(product)
    url = {"public": product.stack.public_url, "internal": product.stack.internal_url}[listener]
    for sent in RAW:
        received = exchange(url, sent)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 501")), (sent[:80], received[:200])
        assert set(json.loads(body)["error"]) == {"code", "message"}
        names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
        assert {b"cache-control", b"x-request-id", b"connection"} <= names, (sent[:80], head)
        assert b"server" not in names
    assert quiet_state(product) == before


def test_a_body_that_is_cut_off_changes_nothing(product: Product) -> None:
    before = quiet_state(product)
    split = urlsplit(product.stack.public_url)
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" % SEND.encode()
    body = b'{"email":"cut@example.com"}'
    for sent in (
        head + b"Content-Length: 40\r\n\r\n" + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body),
    ):
        with socket.create_connection((split.hostname or "", split.port or 0)) as connection:
            connection.sendall(sent)
    assert product.public.get("/healthz").status_code == 200
    assert quiet_state(product) == before


def test_a_body_in_chunks_is_read_up_to_its_limit(product: Product) -> None:
    too_large = (b" " * 1024 for _ in range(17))
    answer = product.public.post(SEND, content=too_large, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    body = encoded({"email": email_address()})
    answer = product.public.post(SEND, content=iter([body[:9], body[9:]]), headers={"content-type": "application/json"})
    assert answer.status_code == 200


def test_after_all_that_the_code_it_was_tried_on_still_works(product: Product, known: Known) -> None:
    assert product.confirm(known.challenge_id, known.code).status_code == 200
