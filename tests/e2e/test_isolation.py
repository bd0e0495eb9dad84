"""If one process is killed or overloaded, the other continues to serve (SPEC §1.2, fourth level)."""

import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.builders import email_address
from tests.support.database import Database
from tests.support.product import BLOCKS, CAUSE, INTERNAL, SEND, Product, open_product
from tests.support.self_service import Device, revoke
from tests.support.stack import open_stack

FLOODERS = 24
IDLE_CONNECTIONS = 300
SLOWEST_ANSWER = 3.0
"""Seconds for an answer of the process that is not overloaded. Both processes share a busy machine and one Postgres."""


@pytest.fixture(scope="module")
def product(database: Database) -> Iterator[Product]:
    with open_stack(database) as stack, open_product(stack) as clients:
        yield clients


class Asked:
    """Answers to one request, which its own thread repeats."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.seconds: list[float] = []
        self.faults: list[str] = []


@contextmanager
def asking(ask: Callable[[], httpx.Response], threads: int = 1, pause: float = 0.0) -> Generator[Asked]:
    """Repeats a request in the background until the block ends."""
    asked, is_over = Asked(), threading.Event()

    def run() -> None:
        while not is_over.is_set():
            started = time.monotonic()
            try:
                asked.statuses.append(ask().status_code)
                asked.seconds.append(time.monotonic() - started)
            except httpx.TransportError as fault:
                asked.faults.append(type(fault).__name__)
            time.sleep(pause)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield asked
    finally:
        is_over.set()
        for thread in running:
            thread.join()


def test_internal_serves_while_public_is_killed_and_started(product: Product) -> None:
    session_id = product.log_in(email_address())
    block = {**CAUSE, "email": email_address()}
    with (
        asking(lambda: product.internal.get(f"{INTERNAL}/sessions/{session_id}"), pause=0.01) as reads,
        asking(lambda: product.internal.post(BLOCKS, json=block), pause=0.02) as writes,
    ):
        product.stack.kill("public")
        assert product.revoke(session_id).json()["outcome"] == "revoked"
        assert b'"status":"revoked"' in (product.record(session_id) or b"")
        time.sleep(0.5)
        product.stack.restart("public")
    for asked in (reads, writes):
        assert len(asked.statuses) > 20
        assert (set(asked.statuses), asked.faults) == ({200}, [])
    assert product.log_in(email_address())


def test_public_serves_while_internal_is_killed_and_started(product: Product) -> None:
    email = email_address()
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    with asking(lambda: product.public.post(SEND, json={"email": email_address()}), pause=0.01) as sends:
        product.stack.kill("internal")
        answer = product.confirm(challenge_id, code)
        assert answer.status_code == 200
        assert b'"status":"active"' in (product.record(answer.json()["device_session_id"]) or b"")
        time.sleep(0.5)
        product.stack.restart("internal")
    assert len(sends.statuses) > 20
    assert (set(sends.statuses), sends.faults) == ({200}, [])


def test_an_order_of_a_device_stands_while_internal_is_away_and_is_carried_out_when_it_is_back(
    product: Product,
) -> None:
    device = Device()
    device.device_session_id = product.log_in(email_address(), device.client_public_key.base64)
    log_out = device.sign(revoke(device.device_session_id))

    def send() -> httpx.Response:
        return product.public.request(log_out.method, log_out.target, headers=log_out.headers)

    product.stack.kill("internal")
    answer = send()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert b'"status":"active"' in (product.record(device.device_session_id) or b"")
    product.stack.restart("internal")
    product.wait_for_status(device.device_session_id, "revoked")
    assert send().json() == {"outcome": "revoked", "device_session_id": device.device_session_id}


def test_public_keeps_the_projection_while_internal_is_away_for_good(product: Product) -> None:
    """The surviving process takes over the keeper: records that Redis lost come back without the internal process."""
    session_id = product.log_in(email_address())
    product.stack.kill("internal")
    product.stack.redis_server.kill()
    for part in (product.stack.redis_server.folder / "appendonlydir").iterdir():
        part.unlink()
    product.stack.redis_server.start()
    product.wait_for_status(session_id, "active")
    product.stack.restart("internal")
    assert product.session(session_id)["status"] == "active"


@contextmanager
def flood(url: str, path: str, body: Callable[[], dict[str, object]]) -> Generator[Asked]:
    """Floods with requests from many clients, each as fast as it gets answers, and with silent connections."""
    split = urlsplit(url)
    with ExitStack() as connections, httpx.Client(base_url=url, timeout=30) as client:
        for _ in range(IDLE_CONNECTIONS):
            silent = connections.enter_context(socket.create_connection((split.hostname or "", split.port or 0)))
            silent.sendall(b"POST " + path.encode() + b" HTTP/1.1\r\nHost: a\r\n")
        with asking(lambda: client.post(path, json=body()), threads=FLOODERS) as asked:
            yield asked


def assert_sane(asked: Asked) -> None:
    assert len(asked.statuses) >= 5
    assert (set(asked.statuses), asked.faults) == ({200}, [])
    assert max(asked.seconds) < SLOWEST_ANSWER, sorted(asked.seconds)[-5:]


def test_internal_answers_in_time_while_public_is_overloaded(product: Product) -> None:
    session_id = product.log_in(email_address())
    reads = asking(lambda: product.internal.get(f"{INTERNAL}/sessions/{session_id}"), pause=0.02)
    with flood(product.stack.public_url, SEND, lambda: {"email": email_address()}) as flooding, reads as asked:
        time.sleep(3)
        assert product.revoke(session_id).status_code == 200
    assert_sane(asked)
    assert len(flooding.statuses) > 100


def test_public_answers_in_time_while_internal_is_overloaded(product: Product) -> None:
    sends = asking(lambda: product.public.post(SEND, json={"email": email_address()}), pause=0.02)
    with (
        flood(product.stack.internal_url, BLOCKS, lambda: {**CAUSE, "email": email_address()}) as flooding,
        sends as asked,
    ):
        time.sleep(3)
    assert_sane(asked)
    assert len(flooding.statuses) > 100
    assert product.log_in("after-the-flood@example.com")
