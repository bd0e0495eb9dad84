"""SIGTERM during requests: each request is answered, a balancer learns in time, and the process ends with status 0."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.support.builders import email_address
from tests.support.database import Database, run_sql
from tests.support.product import CAUSE, INTERNAL, SEND, Product, open_product
from tests.support.stack import open_stack, wait_for

DRAIN_DELAY = 1.5
_WAITING = """
select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
"""


@pytest.fixture(scope="module")
def product(database: Database) -> Iterator[Product]:
    with (
        open_stack(database, AUTHSESSION_DRAIN_DELAY=f"{int(DRAIN_DELAY * 1000)}ms") as stack,
        open_product(stack) as clients,
    ):
        yield clients


@contextmanager
def stopping(product: Product, name: str) -> Generator[None]:
    """Sends SIGTERM. On leaving, the process must have ended with status 0, leaving nothing. Then it starts again."""
    child = product.stack.child(name)
    family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    child.ask(signal.SIGTERM)
    try:
        yield
        assert child.wait(20) == 0, child.tail()
        assert not [process for process in family if process.is_running()]
        address = urlsplit({"public": product.stack.public_url, "internal": product.stack.internal_url}[name])
        with (
            pytest.raises(ConnectionRefusedError),
            socket.create_connection((address.hostname or "", address.port or 0)),
        ):
            pass
        said = [json.loads(line) for line in product.stack.lines[name]]
        assert not [line for line in said if line["level"] == "error"]
    finally:
        product.stack.restart(name)


@contextmanager
def held_email(product: Product, email: str, seconds: float) -> Generator[None]:
    """Locks the row that every request about the address needs, for that long."""
    sql = f"select pg_sleep({seconds}) from (select from emails where folded = '{email}' for update) as held"
    is_held = (
        "select exists (select from pg_stat_activity where state = 'active' and query like 'select pg_sleep%') as held"
    )
    database = product.stack.database
    thread = threading.Thread(target=run_sql, args=(database.owner_dsn, sql))
    thread.start()
    wait_for(lambda: database.execute(is_held)[0]["held"])
    try:
        yield
    finally:
        thread.join()


@pytest.mark.parametrize("name", ["public", "internal"])
def test_requests_under_way_are_answered_and_balancers_are_told_at_once(product: Product, name: str) -> None:
    email = email_address()
    session_id = product.log_in(email)
    if name == "public":
        client, slow = product.public, lambda: product.public.post(SEND, json={"email": email})
    else:
        client, slow = product.internal, lambda: product.revoke(session_id)
    with ThreadPoolExecutor(4) as threads, held_email(product, email, DRAIN_DELAY + 1):
        answers = [threads.submit(slow) for _ in range(4)]
        wait_for(lambda: product.stack.database.execute(_WAITING)[0]["count"] == len(answers), timeout=DRAIN_DELAY)
        with stopping(product, name):
            answer = wait_for(
                lambda: (got := client.get("/readyz")).status_code == 503 and got, timeout=DRAIN_DELAY / 2
            )
            assert answer.headers["connection"] == "close"
            assert answer.json()["status"] == "unavailable"
            assert client.get("/healthz").status_code == 200  # a new connection is still accepted
            assert [each.result() for each in answers if each.done()] == []
    assert [each.result().status_code for each in answers] == [200] * 4


def test_a_body_that_is_still_arriving_is_awaited(product: Product) -> None:
    address = urlsplit(product.stack.public_url)
    body = json.dumps({"email": email_address()}).encode()
    head = f"POST {SEND} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(head.encode() + body[:5])
        time.sleep(0.1)
        with stopping(product, "public"):
            time.sleep(DRAIN_DELAY + 0.3)
            connection.sendall(body[5:])
            connection.settimeout(10)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in received.lower()
    assert b'{"challenge_id":"challenge-' in received


def test_a_client_that_keeps_its_connection_open_does_not_hold_the_process(product: Product) -> None:
    with httpx.Client(base_url=product.stack.internal_url) as idle:
        assert idle.get("/healthz").status_code == 200
        with stopping(product, "internal"):
            pass


class Balancer:
    """Checks `/readyz` ten times a second, and sends requests only where it answers 200."""

    def __init__(self, product: Product, ask: Callable[[httpx.Client], httpx.Response], url: str) -> None:
        self.sent = 0
        self.failed: list[str] = []
        self._product, self._ask, self._url = product, ask, url
        self._is_ready = True
        self._is_over = threading.Event()

    @contextmanager
    def running(self, clients: int) -> Generator[None]:
        threads = [threading.Thread(target=self._watch), *(threading.Thread(target=self._send) for _ in range(clients))]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            try:
                self._is_ready = httpx.get(self._url + "/readyz", timeout=2).status_code == 200
            except httpx.TransportError:
                self._is_ready = False

    def _send(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._is_over.is_set():
                if not self._is_ready:
                    time.sleep(0.02)
                    continue
                self.sent += 1
                try:
                    answer = self._ask(client)
                    if answer.status_code != 200:
                        self.failed.append(answer.text)
                except httpx.TransportError as fault:
                    self.failed.append(repr(fault))


@pytest.mark.parametrize("name", ["public", "internal"])
def test_behind_a_balancer_that_follows_readyz_a_restart_loses_no_request(product: Product, name: str) -> None:
    def send(client: httpx.Client) -> httpx.Response:
        return client.post(SEND, json={"email": email_address()})

    def block(client: httpx.Client) -> httpx.Response:
        return client.post(f"{INTERNAL}/user-blocks", json={**CAUSE, "email": email_address()})

    ask, url = {"public": (send, product.stack.public_url), "internal": (block, product.stack.internal_url)}[name]
    balancer = Balancer(product, ask, url)
    with balancer.running(clients=4):
        wait_for(lambda: balancer.sent > 20)
        with stopping(product, name):
            pass
        before = balancer.sent
        wait_for(lambda: balancer.sent > before + 20)
    assert balancer.failed == []
