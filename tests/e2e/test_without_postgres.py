"""Without Postgres, killed or paused, every route answers 503 in bounded time. Once it is back, requests succeed
without a restart.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import httpx
import psutil
import pytest

from tests.support.builders import SEED_CLIENT_PUBLIC_KEY, email_address
from tests.support.database import cloned_database, create_template
from tests.support.product import BLOCKS, CAUSE, CONFIRM, INTERNAL, SEND, Product, open_product
from tests.support.servers import temporary_postgres
from tests.support.stack import open_stack, wait_for

LONGEST_ANSWER = 14.0
"""Seconds. A unit of work ends within twice 3 (a connection) and once 5 (the unit). The rest is for a busy machine."""

LEASE = timedelta(seconds=61)
"""The time that a courier's claim holds, and one second."""


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with (
        temporary_postgres() as server,
        cloned_database(server, create_template(server)) as database,
        open_stack(database) as stack,
        open_product(stack) as clients,
    ):
        yield clients


@dataclass(frozen=True, slots=True)
class Prepared:
    """Requests of every route that succeed with a running Postgres."""

    product: Product
    email: str
    challenge_id: str
    code: str
    session_id: str
    user_id: str

    def requests(self) -> dict[str, Callable[[], httpx.Response]]:
        public, internal = self.product.public, self.product.internal
        confirm = {"challenge_id": self.challenge_id, "code": self.code, "client_public_key": SEED_CLIENT_PUBLIC_KEY}
        cause = {**CAUSE}
        mailbox = f"{INTERNAL}/dev/mailbox"
        revoke_all = f"{INTERNAL}/users/{self.user_id}/sessions/revoke-all"
        blocked = {**cause, "email": email_address()}
        return {
            "confirm": lambda: public.post(CONFIRM, json=confirm),
            "send": lambda: public.post(SEND, json={"email": email_address()}),
            "read": lambda: internal.get(f"{INTERNAL}/sessions/{self.session_id}"),
            "list": lambda: internal.get(f"{INTERNAL}/users/{self.user_id}/sessions"),
            "user": lambda: internal.get(f"{INTERNAL}/users", params={"email": self.email}),
            "mailbox": lambda: internal.get(mailbox, params={"email": self.email}),
            "blocks": lambda: internal.get(BLOCKS),
            "revoke": lambda: internal.post(f"{INTERNAL}/sessions/{self.session_id}/revoke", json=cause),
            "revoke-all": lambda: internal.post(revoke_all, json=cause),
            "block": lambda: internal.post(BLOCKS, json=blocked),
            "unblock": lambda: internal.post(f"{BLOCKS}/remove", json=blocked),
        }


def prepare(product: Product) -> Prepared:
    email = email_address()
    session_id = product.log_in(email)
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    return Prepared(product, email, challenge_id, code, session_id, product.user(email)["user_id"])


def assert_all_unavailable(prepared: Prepared) -> None:
    """Sends all requests at once, so some wait for a connection and some for an answer. All must get 503."""
    requests = prepared.requests()
    with ThreadPoolExecutor(len(requests)) as threads:
        sent = {name: threads.submit(send) for name, send in requests.items()}
    for name, future in sent.items():
        answer = future.result()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable"), name
        assert 1 <= int(answer.headers["retry-after"]) <= 10, name
        assert answer.elapsed.total_seconds() < LONGEST_ANSWER, (name, answer.elapsed)


def assert_health(product: Product) -> None:
    for client in (product.public, product.internal, product.metrics):
        wait_for(lambda client=client: client.get("/readyz").status_code == 503)
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").json()["status"] == "unavailable"
    assert product.public.get("/readyz").content == b'{"status":"unavailable"}'


def assert_all_succeed(prepared: Prepared) -> None:
    """Sends the same requests in order. Each must succeed within the time that a client repeats it."""
    for name, send in prepared.requests().items():
        answer = wait_for(lambda send=send: (got := send()).status_code != 503 and got)
        assert answer.status_code == 200, (name, answer.text)
    for name in prepared.product.stack.services:
        wait_for(lambda name=name: prepared.product.stack.services[name].is_ready())


@contextmanager
def suspended(processes: list[psutil.Process]) -> Generator[None]:
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def test_every_route_answers_503_without_postgres_and_the_same_requests_succeed_when_it_is_back(
    product: Product,
) -> None:
    prepared = prepare(product)
    pids = [product.stack.child(name).pid for name in product.stack.services]
    server = product.stack.database.server
    server.kill()
    assert_all_unavailable(prepared)
    assert_health(product)
    server.start()
    assert_all_succeed(prepared)
    assert [product.stack.child(name).pid for name in product.stack.services] == pids
    assert all(product.stack.child(name).exit_status() is None for name in product.stack.services)


def test_paused_postgres_gets_bounded_answers_and_the_same_requests_succeed_afterwards(product: Product) -> None:
    prepared = prepare(product)
    server = psutil.Process(product.stack.database.server.pid)
    with suspended([server, *server.children(recursive=True)]):
        assert_all_unavailable(prepared)
        assert_health(product)
    assert_all_succeed(prepared)


def test_a_mail_that_waited_for_postgres_is_sent_when_it_is_back(product: Product) -> None:
    email, server = email_address(), product.stack.database.server
    challenge_id = product.send(email)
    server.kill()
    server.start()
    assert wait_for(product.stack.services["internal"].is_ready)
    # The kill may have cut the courier's claim, whose lease is a minute.
    product.stack.travel(by=LEASE)
    assert len(product.code(email, challenge_id)) == 6
