"""A page of a listed origin reads each answer of the public process, whatever its status. Other pages read none."""

import json
import signal
import socket
from collections.abc import Iterator

import httpx
import psutil
import pytest
import yaml

from authsession.service import SOURCE
from tests.support.builders import SEED_CLIENT_PUBLIC_KEY, email_address
from tests.support.database import Database
from tests.support.product import CONFIRM, SEND, Product, open_product
from tests.support.stack import open_stack, wait_for

APP = "https://app.example.com"
SENDS = 12
PAGE = {"origin": APP}
ASKING = {**PAGE, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
LOGIN_AND_HEALTH = (SEND, CONFIRM, "/healthz", "/readyz")
OF_THE_SERVER = {"204", "404", "405"}
"""Statuses that belong to no route."""


@pytest.fixture(scope="module")
def product(database: Database) -> Iterator[Product]:
    changes = {
        "AUTHSESSION_CORS_ORIGINS": f"http://localhost:8083,{APP}",
        "AUTHSESSION_SEND_RATE_LIMIT": f"{SENDS}/10m",
        "AUTHSESSION_DRAIN_DELAY": "2s",
    }
    with open_stack(database, **changes) as stack, open_product(stack) as clients:
        yield clients


class Page:
    """A page that calls the public process, and notes the status of each answer that it could read."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self.seen: set[str] = set()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        content = None if body is None else json.dumps(body)
        headers = {**PAGE, **({} if body is None else {"content-type": "application/json"}), **headers}
        answer = self._product.public.request(method, path, content=content, headers=headers)
        self._read(str(answer.status_code), answer.headers)
        foreign = self._product.public.request("GET", path, headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers
        return answer

    def ask_raw(self, request: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self._product.stack.ports[0]), timeout=10) as client:
            client.sendall(request)
            head = client.recv(65536).partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        self._read(head[0].split()[1], httpx.Headers(dict(line.split(": ", 1) for line in head[1:])))

    def _read(self, status: str, headers: httpx.Headers) -> None:
        assert headers["access-control-allow-origin"] == APP, (status, headers)
        assert headers["access-control-expose-headers"] == "date, retry-after, x-request-id"
        assert headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in headers
        self.seen.add(status)


def test_a_page_of_a_listed_origin_reads_every_status(product: Product) -> None:
    page, email = Page(product), email_address()
    _ask_what_succeeds(page, product, email)
    _ask_what_is_refused(page, product, email)
    answers = [page.ask("POST", SEND, {"email": email_address()}) for _ in range(SENDS)]
    assert (answers[-1].status_code, "retry-after" in answers[-1].headers) == (429, True)
    psutil.Process(product.stack.child("public").pid).send_signal(signal.SIGTERM)
    wait_for(lambda: page.ask("GET", "/readyz").status_code == 503)
    assert page.seen == _documented() | OF_THE_SERVER


def _ask_what_succeeds(page: Page, product: Product, email: str) -> None:
    """Preflights are free: with all sends used up by them, the send would be 429."""
    for _ in range(2 * SENDS):
        preflight = page.ask("OPTIONS", SEND, **ASKING)
        assert (preflight.status_code, preflight.headers["access-control-max-age"]) == (204, "7200")
    challenge_id = page.ask("POST", SEND, {"email": email}).json()["challenge_id"]
    confirm = {"challenge_id": challenge_id, "client_public_key": SEED_CLIENT_PUBLIC_KEY}
    code = product.code(email, challenge_id)
    assert page.ask("POST", CONFIRM, {**confirm, "code": "12345"}).status_code == 400
    assert page.ask("POST", CONFIRM, {**confirm, "code": code}).status_code == 200
    assert page.ask("GET", "/healthz").status_code == 200
    assert page.ask("OPTIONS", "/", **ASKING).headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST"


def _ask_what_is_refused(page: Page, product: Product, email: str) -> None:
    page.ask("GET", "/nowhere")
    page.ask("GET", SEND)
    page.ask("POST", SEND, "x" * 17_000)
    page.ask("POST", SEND, {}, **{"content-type": "text/plain"})
    origin = f"Origin: {APP}\r\n".encode()
    page.ask_raw(b"GET / HTTP/1.1\r\nHost : x\r\n" + origin + b"\r\n")
    page.ask_raw(b"GET / HTTP/1.1\r\nHost: x\r\n" + origin + b"X: " + b"x" * 17_000)
    challenge_id = product.send(email)
    confirm = {"challenge_id": challenge_id, "client_public_key": SEED_CLIENT_PUBLIC_KEY}
    confirm["code"] = product.code(email, challenge_id)
    newer = {**confirm, "challenge_id": product.send(email)}
    database = product.stack.database
    database.execute("update settings set session_limit = 1, session_limit_policy = 'reject'")
    assert page.ask("POST", CONFIRM, confirm).status_code == 409
    assert product.post("/user-blocks", email=email).status_code == 200
    assert page.ask("POST", CONFIRM, confirm).status_code == 403
    assert product.post("/user-blocks/remove", email=email).status_code == 200
    database.execute("alter table device_sessions add constraint fault check (false) not valid")
    assert page.ask("POST", CONFIRM, newer).status_code == 500
    database.execute("alter table device_sessions drop constraint fault")
    assert page.ask("POST", CONFIRM, newer).status_code == 200
    assert page.ask("POST", CONFIRM, confirm).status_code == 410
    assert page.ask("POST", CONFIRM, {**confirm, "challenge_id": "challenge-none"}).status_code == 404


def _documented() -> set[str]:
    """Every status that the contract names for the login and for health."""
    paths = yaml.safe_load((SOURCE / "contracts/openapi/public_auth.yaml").read_text())["paths"]
    return {
        status for path in LOGIN_AND_HEALTH for operation in paths[path].values() for status in operation["responses"]
    }
