"""Every route and failing path is driven with marked secrets; then all logs, metrics and errors are searched."""

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
import pytest

from authsession.embedded.child import Child, free_port
from services.internal_admin.domain.owner_setup import new_setup_code
from shared.kernel.entropy import SystemEntropy
from tests.support.builders import client_public_key
from tests.support.collector import Collector, open_collector
from tests.support.database import ROLE_PASSWORD, cloned_database, create_template
from tests.support.product import BLOCKS, CAUSE, CONFIRM, INTERNAL, SEND, Product, open_product
from tests.support.servers import temporary_postgres
from tests.support.stack import (
    AUDIT_KEYS,
    COOKIE_KEYS,
    LOGIN_CODE_KEYS,
    REDIS_PASSWORD,
    SEALING_KEYS,
    RunningStack,
    open_stack,
    wait_for,
)

MARK = "zebra-quagga"
"""Part of every address, and of texts in places where no text of a caller belongs."""
LEAST_LINES = 20
AUTH = "/api/control-plane/auth"
PASSWORD = "Correct Horse 7 of an operator"


@dataclass(slots=True)
class Secrets:
    """What must be nowhere, each with a name for the report; and everything that was written or answered."""

    patterns: dict[str, re.Pattern[str]] = field(default_factory=dict)
    error_bodies: list[str] = field(default_factory=list)

    def keep(self, name: str, secret: str) -> str:
        """The secret itself: as text, percent-encoded, as JSON escapes, and as base64."""
        spellings = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
        spellings.add(base64.b64encode(secret.encode()).decode().rstrip("="))
        self.patterns[name] = re.compile("|".join(re.escape(each) for each in sorted(spellings)), re.IGNORECASE)
        return secret

    def keep_code(self, code: str) -> str:
        """Six digits that stand alone: not part of a longer number."""
        self.patterns[f"code {code}"] = re.compile(rf"(?<![0-9.:e+-]){code}(?![0-9])")
        return code

    def found_in(self, text: str) -> set[str]:
        """The names of those that are in there."""
        return {name for name, pattern in self.patterns.items() if pattern.search(text)}


def keep_configured(kept: Secrets) -> None:
    kept.keep("mark of every address", MARK)
    kept.keep("password of the Postgres roles", ROLE_PASSWORD)
    kept.keep("password of Redis", REDIS_PASSWORD)
    for name, ring in (
        ("login code key", LOGIN_CODE_KEYS),
        ("sealing key", SEALING_KEYS),
        ("cookie key", COOKIE_KEYS),
        ("audit key", AUDIT_KEYS),
    ):
        encoded = ring.partition(":")[2]
        kept.keep(name, encoded)
        kept.keep(f"{name}, decoded", base64.b64decode(encoded).decode())


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    kept = Secrets()
    keep_configured(kept)
    return kept


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """What both processes export goes here."""
    with open_collector() as running:
        yield running


@pytest.fixture(scope="module")
def product(collector: Collector) -> Iterator[Product]:
    with (
        temporary_postgres() as server,
        cloned_database(server, create_template(server)) as database,
        open_stack(database, AUTHSESSION_PUBLIC_HOST="auth.example.com", **collector.environment) as stack,
        open_product(stack) as clients,
    ):
        yield clients


class Driver:
    """Calls with marked secrets. Keeps the bodies of errors."""

    def __init__(self, product: Product, secrets: Secrets) -> None:
        self.product, self.secrets = product, secrets
        self.statuses: set[int] = set()

    def call(self, client: httpx.Client, method: str, path: str, **request: object) -> httpx.Response:
        answer: httpx.Response = client.request(method, path, **request)  # pyright: ignore[reportArgumentType]
        self.statuses.add(answer.status_code)
        if answer.status_code >= 400:
            self.secrets.error_bodies.append(f"{answer.text}\n{answer.headers}")
        return answer

    def public(self, path: str, body: object) -> httpx.Response:
        return self.call(self.product.public, "POST", path, json=body)

    def internal(self, path: str, body: object) -> httpx.Response:
        return self.call(self.product.internal, "POST", INTERNAL + path, json=body)

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.call(self.product.internal, "GET", INTERNAL + path, params=query)

    def log_in(self, name: str) -> tuple[str, dict[str, str]]:
        """The session and the body that made it; every part of it is a secret."""
        email = self.secrets.keep(f"address {name}", f"{name}+{MARK}@example.com")
        challenge_id = self.challenge(email)
        code = self.secrets.keep_code(self.product.code(email, challenge_id))
        key = self.secrets.keep(f"key {name}", client_public_key(name).base64)
        body = {"challenge_id": challenge_id, "code": code, "client_public_key": key, "time_zone": "Europe/Berlin"}
        return self.public(CONFIRM, body).json()["device_session_id"], body

    def challenge(self, email: str) -> str:
        challenge_id = self.public(SEND, {"email": email}).json()["challenge_id"]
        return self.secrets.keep(f"challenge of {email}", challenge_id)

    def every_route(self, name: str) -> None:
        """As clients call them, with right, wrong and repeated values."""
        session_id, body = self.log_in(name)
        email = f"{name}+{MARK}@example.com"
        self.public(CONFIRM, body)
        self.public(
            CONFIRM, {**body, "client_public_key": self.secrets.keep("another key", client_public_key().base64)}
        )
        proof = self.secrets.keep("proof", base64.b64encode(f"{MARK}-of-a-proof".ljust(64, "x").encode()).decode())
        self.public(CONFIRM, {**body, "client_key_proof": proof})
        challenge_id = self.challenge(email)
        for wrong in ("111111", "222222"):
            self.public(CONFIRM, {**body, "challenge_id": challenge_id, "code": self.secrets.keep_code(wrong)})
        user_id = self.get("/users", email=email).json()["user"]["user_id"]
        self.get("/dev/mailbox", email=email)
        self.get(f"/sessions/{session_id}")
        self.get(f"/users/{user_id}/sessions")
        self.internal(f"/sessions/{session_id}/revoke", CAUSE)
        self.internal(f"/users/{user_id}/sessions/revoke-all", CAUSE)
        for subject in ({"email": email}, {"user_id": user_id}):
            self.internal("/user-blocks", {**CAUSE, **subject})
            self.get("/user-blocks", **subject)
            self.get("/user-blocks")
            self.public(SEND, {"email": email})
            self.internal("/user-blocks/remove", {**CAUSE, **subject})

    def every_route_of_operators(self) -> None:
        """An owner's whole life, with right, wrong, weak and misplaced secrets."""
        keep, database = self.secrets.keep, self.product.stack.database
        code = new_setup_code(SystemEntropy())
        keep("setup code", code.text)
        database.execute(
            "update owner_setup set setup_code_hash = $1, setup_code_expires_at = clock_now() + interval '1 minute'",
            code.hash,
        )
        self.operators("bootstrap/exchange", {"setup_code": keep("wrong setup code", "ZEBR-QUAG-2345")})
        exchanged = self.operators("bootstrap/exchange", {"setup_code": code.text})
        token = keep("registration token", exchanged.json()["registration_token"])
        owner = {"registration_token": token, "user_name": "ada", "email": keep("operator", f"ada@{MARK}.example")}
        self.operators("register-owner", {**owner, "password": keep("weak password", f"weak{MARK}")})
        self.operators("register-owner", {**owner, "user_name": f"{MARK} {MARK}", "password": PASSWORD})
        registered = self.operators("register-owner", {**owner, "password": keep("operator's password", PASSWORD)})
        session = self.keep_operator(registered, "first")
        codes = registered.json()["recovery_codes"]
        for name, password in (("ada", f"wrong {MARK}"), (PASSWORD, "swapped"), (f"{MARK}", PASSWORD)):
            self.operators("login", {"user_name": name, "password": password})
        other = self.keep_operator(self.operators("login", {"user_name": "ada", "password": PASSWORD}), "second")
        for path in ("status", "session", "sessions", "tokens", "recovery-codes"):
            self.operators(path, None, other)
        new_password = keep("operator's next password", f"Next Horse 8 {MARK}")
        self.operators("recovery-codes/regenerate", {"current_password": f"wrong {MARK}"}, session)
        self.operators("password/change", {"current_password": PASSWORD, "new_password": f"weak{MARK}"}, session)
        self.operators("password/change", {"current_password": PASSWORD, "new_password": new_password}, session)
        recovery = {"user_name": "ada", "new_password": PASSWORD}
        self.operators("password/recover", {**recovery, "recovery_code": codes[0], "new_password": f"weak{MARK}"})
        recovered = self.operators("password/recover", {**recovery, "recovery_code": codes[0]})
        session = self.keep_operator(recovered, "third")
        self.operators("password/recover", {**recovery, "recovery_code": codes[1]})
        for path in ("login", "register-owner", "password/recover", f"sessions/{MARK}", f"tokens/{MARK}"):
            self.operators(path, {f"{MARK}@example.com": MARK}, MARK)
        self.operators("logout", {}, session)

    def operators(self, path: str, body: object, session_token: str | None = None) -> httpx.Response:
        method = "GET" if body is None else "POST"
        headers = {} if session_token is None else {"authorization": f"Bearer {session_token}"}
        return self.call(self.product.internal, method, f"{AUTH}/{path}", json=body, headers=headers)

    def keep_operator(self, answer: httpx.Response, name: str) -> str:
        """The session token of an answer that opened a session; each of its secrets is kept."""
        body = answer.json()
        for number, code in enumerate(body.get("recovery_codes", ())):
            self.secrets.keep(f"recovery code {name} {number}", code)
        return self.secrets.keep(f"session token {name}", body["session_token"])

    def every_malformed(self) -> None:
        """Secrets where they do not belong: in names, paths, queries, headers, broken bodies."""
        json_type = {"content-type": "application/json"}
        for client, path in (
            (self.product.public, SEND),
            (self.product.public, CONFIRM),
            (self.product.internal, BLOCKS),
        ):
            for content in (
                f'{{"email": "{MARK}@example.com"',
                f'{{"{MARK}@example.com": 1}}',
                f'{{"email": "{MARK}", "email": "{MARK}"}}',
                f'{{"email": ["{MARK}@example.com"]}}',
                f'{{"challenge_id": "{MARK}", "code": "{MARK}", "client_public_key": "{MARK}"}}',
                json.dumps({**CAUSE, "email": f"{MARK} <{MARK}@example.com>"}),
                MARK * 2000,
            ):
                self.call(client, "POST", path, content=content, headers=json_type)
            self.call(client, "POST", path, content=MARK, headers={"content-type": f"text/{MARK}"})
            self.call(client, "GET", f"{path}/{MARK}@example.com?email={MARK}@example.com")
            self.call(client, MARK, path)
            headers = {"Cookie": MARK, "Authorization": MARK, "X-Request-Id": f"<{MARK}>", "X-Forwarded-For": MARK,
                       "Accept-Language": MARK, "User-Agent": MARK, "traceparent": MARK}  # fmt: skip
            self.call(client, "POST", path, json={"email": f"{MARK}@example.com"}, headers=headers)
        self.get(f"/sessions/{MARK}")
        self.get("/users", email=f"nobody+{MARK}@example.com")
        self.get("/users", email=MARK)
        self.get("/users", **{f"{MARK}@example.com": MARK})
        self.get("/user-blocks", cursor=MARK)

    def faults(self) -> None:
        """500s: a sealed code that does not open; constraints of another release that quote the row they refuse."""
        database = self.product.stack.database
        email = self.secrets.keep("address fault", f"fault+{MARK}@example.com")
        challenge_id = self.challenge(email)
        code = self.secrets.keep_code(self.product.code(email, challenge_id))
        database.execute("update login_codes set sealed_code = sealed_code || '\\x00' where email = $1", email)
        assert self.get("/dev/mailbox", email=email).status_code == 500
        database.execute(f"alter table users add constraint another check (email not like '%{MARK}%') not valid")
        body = {"challenge_id": challenge_id, "code": code, "client_public_key": client_public_key("fault").base64}
        self.secrets.keep("key fault", body["client_public_key"])
        assert self.public(CONFIRM, body).status_code == 500
        database.execute("alter table users drop constraint another")
        database.execute(
            f"alter table emails add constraint another check (folded not like '%other+{MARK}%') not valid"
        )
        assert self.public(SEND, {"email": f"other+{MARK}@example.com"}).status_code == 500
        assert self.internal("/user-blocks", {**CAUSE, "email": f"other+{MARK}@example.com"}).status_code == 500
        database.execute("alter table emails drop constraint another")

    def without_dependencies(self) -> None:
        """503s, with what waits for dependencies in the background."""
        session_id, body = self.log_in("waiting")
        redis, postgres = self.product.stack.redis_server, self.product.stack.database.server
        redis.kill()
        assert self.public(CONFIRM, body).status_code == 503
        assert self.internal(f"/sessions/{session_id}/revoke", CAUSE).status_code == 503
        redis.start()
        postgres.kill()
        for path, asked in ((SEND, {"email": f"waiting+{MARK}@example.com"}), (CONFIRM, body)):
            assert self.public(path, asked).status_code == 503
        assert self.get("/dev/mailbox", email=f"waiting+{MARK}@example.com").status_code == 503
        assert self.internal("/user-blocks", {**CAUSE, "email": f"waiting+{MARK}@example.com"}).status_code == 503
        time.sleep(1.5)  # workers meet it too
        postgres.start()
        for name in self.product.stack.services:
            wait_for(lambda name=name: self.product.stack.services[name].is_ready())


def wait_for_all_exports(collector: Collector) -> None:
    """Returns when nothing waits to be exported any more; there must be plenty of each kind."""
    time.sleep(1)  # twice as long as anything waits
    names = {span.name for span in collector.spans()}
    assert {f"POST {SEND}", f"POST {CONFIRM}", f"POST {AUTH}/login", "send mail", "confirm_challenges"} <= names
    assert len(collector.spans()) > 500
    assert len(collector.logs()) > LEAST_LINES
    assert "authsession.operator.log_ins" in collector.metric_names()


def everything_written(product: Product, secrets: Secrets) -> Mapping[str, str]:
    """By where it was found."""
    return {
        "log of public": "\n".join(product.stack.lines["public"]),
        "log of internal": "\n".join(product.stack.lines["internal"]),
        "metrics of public": product.metrics.get("/metrics").text,
        "metrics of internal": product.internal.get("/metrics").text,
        "errors": "\n".join(secrets.error_bodies),
    }


def test_no_secret_is_in_any_log_metric_span_or_error(product: Product, secrets: Secrets, collector: Collector) -> None:
    driver = Driver(product, secrets)
    driver.every_route("first")
    driver.every_route_of_operators()
    driver.every_malformed()
    driver.faults()
    driver.without_dependencies()
    driver.every_route("last")
    assert {200, 400, 404, 405, 413, 415, 500, 503} <= driver.statuses
    wait_for_all_exports(collector)
    written = {**everything_written(product, secrets), "spans, metrics and logs exported": collector.text()}
    assert all(len(written[f"log of {name}"].splitlines()) >= LEAST_LINES for name in ("public", "internal"))
    assert len(secrets.error_bodies) > 50
    assert len(secrets.patterns) > 15 + 30
    assert {
        "setup code",
        "registration token",
        "session token third",
        "recovery code third 9",
    } <= secrets.patterns.keys()
    assert {place: found for place, text in written.items() if (found := secrets.found_in(text))} == {}


def test_no_secret_is_in_the_audit_trail(product: Product, secrets: Secrets) -> None:
    """Six digits may stand in an id by chance, so login codes are not looked for."""
    rows = product.stack.database.execute("select audit_events::text as row from audit_events")
    trail = "\n".join(row["row"] for row in rows)
    assert "security.recover_password" in trail
    assert {name for name in secrets.found_in(trail) if not name.startswith("code ")} == set()


def test_every_line_of_the_logs_is_json(product: Product) -> None:
    for lines in product.stack.lines.values():
        for line in lines:
            assert {"ts", "level", "logger", "event"} <= json.loads(line).keys()


def test_the_search_finds_each_secret_in_each_spelling(product: Product, secrets: Secrets) -> None:
    """So that the test above can fail: one secret after the other is planted in what was really written."""
    written = "\n".join(everything_written(product, secrets).values())
    email = f"first+{MARK}@example.com"
    spellings = (email, email.upper(), quote(email), json.dumps(email), base64.b64encode(email.encode()).decode())
    configured = (REDIS_PASSWORD, ROLE_PASSWORD, LOGIN_CODE_KEYS, SEALING_KEYS, COOKIE_KEYS, AUDIT_KEYS, PASSWORD)
    for planted in (*spellings, *configured, client_public_key("first").base64):
        assert secrets.found_in(f"{written}{planted}\n") != set(), planted
    codes = [name.removeprefix("code ") for name in secrets.patterns if name.startswith("code ")]
    assert codes
    for code in codes:
        for line in (f'{{"event": "code {code}"}}', f'{{"code":"{code}"}}', f"/confirm?code={code}"):
            assert secrets.found_in(line) == {f"code {code}"}


REFUSED = {
    "AUTHSESSION_POSTGRES_DSN": f"postgresql://user:{MARK}-password@127.0.0.1:port/{MARK}",
    "AUTHSESSION_LOGIN_CODE_KEYS": f"k1:{MARK}-not-base64",
    "AUTHSESSION_SEALING_KEYS": "k1:" + base64.b64encode(MARK.encode()).decode(),
    "AUTHSESSION_REDIS_ADDR": f"redis://user:{MARK}-password@127.0.0.1",
    "AUTHSESSION_REDIS_DB": MARK,
}


@contextmanager
def started(stack: RunningStack, name: str, **changes: str) -> Iterator[tuple[Child, list[str]]]:
    """A further process of the service, and the lines it writes."""
    lines: list[str] = []
    child = stack.services[name].start({**stack.environment[name], **changes}, lines.append)
    try:
        yield child, lines
    finally:
        child.kill()


@pytest.mark.parametrize("name", ["public", "internal"])
def test_a_refused_configuration_tells_names_and_no_values(product: Product, secrets: Secrets, name: str) -> None:
    with started(product.stack, name, **REFUSED) as (child, lines):
        assert child.wait(20) == 78
    said = "\n".join(lines)
    assert all(variable in said for variable in REFUSED), said
    assert secrets.found_in(said) == set()


WRONG = {
    "password of Redis": {"AUTHSESSION_REDIS_PASSWORD": f"{MARK}-wrong"},
    "user of Redis": {"AUTHSESSION_REDIS_USERNAME": f"{MARK}-unknown"},
    "password of Postgres": {"AUTHSESSION_POSTGRES_DSN": f"postgresql://authsession_public:{MARK}-wrong@127.0.0.1:{{port}}/{{name}}"},
    "user of Postgres": {"AUTHSESSION_POSTGRES_DSN": f"postgresql://{MARK}:{ROLE_PASSWORD}@127.0.0.1:{{port}}/{{name}}"},
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_server_that_refuses_a_password_is_no_reason_to_show_it(
    product: Product, secrets: Secrets, what: str
) -> None:
    database, address = product.stack.database, f"127.0.0.1:{free_port()}"
    changes = {name: value.format(port=database.server.port, name=database.name) for name, value in WRONG[what].items()}
    changes |= {"AUTHSESSION_PUBLIC_HTTP_ADDR": address, "AUTHSESSION_PUBLIC_METRICS_ADDR": "off"}
    with started(product.stack, "public", **changes) as (child, lines), httpx.Client(timeout=30) as http:
        wait_for(lambda: any(address in line for line in lines))
        is_degraded = "Redis" in what
        assert http.get(f"http://{address}/readyz").json()["status"] == ("degraded" if is_degraded else "unavailable")
        answer = http.post(f"http://{address}{SEND}", json={"email": f"wrong+{MARK}@example.com"})
        assert answer.status_code == (200 if is_degraded else 503)
        assert child.exit_status() is None
    assert secrets.found_in("\n".join([*lines, answer.text])) == set()
