"""With Redis away, paused or emptied, some requests succeed and the others get 503. All of them succeed afterwards."""

import shutil
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.support.builders import email_address
from tests.support.database import Database
from tests.support.product import CAUSE, Product, open_product
from tests.support.self_service import Device, revoke
from tests.support.stack import open_stack, wait_for

LONGEST_ANSWER = 5.0
"""Seconds: two for Redis (SPEC §6.3 bounds the wait). The rest is for a busy machine."""


@pytest.fixture(scope="module")
def product(database: Database) -> Iterator[Product]:
    limits = {"AUTHSESSION_SEND_RATE_LIMIT": "600/1m", "AUTHSESSION_CONFIRM_RATE_LIMIT": "600/1m"}
    with open_stack(database, **limits) as stack, open_product(stack) as clients:
        yield clients


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["error"]["code"] == "service_unavailable"
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert answer.elapsed.total_seconds() < LONGEST_ANSWER


def active_sessions(product: Product, email: str) -> list[str]:
    rows = product.stack.database.execute(
        "select device_session_id from device_sessions join users using (user_id) where email = $1", email
    )
    return [row["device_session_id"] for row in rows]


def test_a_confirm_without_redis_is_503_and_its_repeat_gets_the_one_session(product: Product) -> None:
    email = email_address()
    product.stack.redis_server.kill()
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    for _ in range(2):
        assert_unavailable(product.confirm(challenge_id, code))
    [made] = active_sessions(product, email)
    product.stack.redis_server.start()
    answer = wait_for(lambda: (got := product.confirm(challenge_id, code)).status_code == 200 and got)
    assert answer.json() == {"device_session_id": made}
    assert b'"status":"active"' in (product.record(made) or b"")
    assert active_sessions(product, email) == [made]


def test_a_revocation_without_redis_is_503_and_stands(product: Product) -> None:
    repeated, left = product.log_in(email_address()), product.log_in(email_address())
    product.stack.redis_server.kill()
    for session_id in (repeated, left):
        assert_unavailable(product.revoke(session_id))
        assert product.session(session_id)["status"] == "revoked"
    assert_unavailable(product.revoke(repeated))
    product.stack.redis_server.start()
    answer = wait_for(lambda: (got := product.revoke(repeated)).status_code == 200 and got)
    assert (answer.json()["outcome"], answer.json()["affected_session_count"]) == ("already_revoked", 0)
    assert b'"status":"revoked"' in (product.record(repeated) or b"")
    product.wait_for_status(left, "revoked")  # by a relay: no client repeated the request
    assert product.entries(left)[-1][b"status"] == b"revoked"


def test_a_log_out_without_redis_is_503_and_the_session_is_never_alive_again(product: Product) -> None:
    device = Device()
    device.device_session_id = product.log_in(email_address(), device.client_public_key.base64)
    log_out = device.sign(revoke(device.device_session_id))

    def send() -> httpx.Response:
        return product.public.request(log_out.method, log_out.target, headers=log_out.headers)

    product.stack.redis_server.kill()
    assert_unavailable(send())
    wait_for(lambda: product.session(device.device_session_id)["status"] == "revoked")
    product.stack.redis_server.start()
    answer = wait_for(lambda: (got := send()).status_code == 200 and got)
    assert answer.json() == {"outcome": "revoked", "device_session_id": device.device_session_id}
    assert b'"status":"revoked"' in (product.record(device.device_session_id) or b"")


def test_a_block_without_redis_is_503_and_stands(product: Product) -> None:
    email = email_address()
    session_id = product.log_in(email)
    product.stack.redis_server.kill()
    assert_unavailable(product.post("/user-blocks", email=email))
    assert product.session(session_id)["status"] == "revoked"
    product.stack.redis_server.start()
    product.wait_for_status(session_id, "revoked")
    assert product.post("/user-blocks", email=email).json()["outcome"] == "already_blocked"


def test_without_redis_both_are_degraded_and_reading_goes_on(product: Product) -> None:
    session_id = product.log_in(email_address())
    product.stack.redis_server.kill()
    for client in (product.public, product.metrics, product.internal):
        wait_for(lambda client=client: client.get("/readyz").json()["status"] == "degraded")
        assert client.get("/readyz").status_code == client.get("/healthz").status_code == 200
    assert product.internal.get("/readyz").json()["checks"] == {
        "postgres": "ok",
        "schema": "ok",
        "redis": "failed",
        "secret_keys": "ok",
    }
    assert product.public.get("/readyz").json() == {"status": "degraded"}
    assert product.session(session_id)["status"] == "active"
    product.stack.redis_server.start()
    for client in (product.public, product.internal):
        wait_for(lambda client=client: client.get("/readyz").json()["status"] == "ready")


def test_a_paused_redis_gets_bounded_answers(product: Product) -> None:
    email = email_address()
    session_id = product.log_in(email)
    server = psutil.Process(product.stack.redis_server.pid)
    server.suspend()
    try:
        challenge_id = product.send(email)
        code = product.code(email, challenge_id)
        assert_unavailable(product.confirm(challenge_id, code))
        assert_unavailable(product.revoke(session_id))
        started = time.monotonic()
        assert product.internal.get("/readyz").json()["status"] == "degraded"
        assert time.monotonic() - started < LONGEST_ANSWER
    finally:
        server.resume()
    answer = wait_for(lambda: (got := product.confirm(challenge_id, code)).status_code == 200 and got)
    assert product.session(answer.json()["device_session_id"])["status"] == "active"
    product.wait_for_status(session_id, "revoked")


def test_losing_all_of_redis_loses_no_session_block_code_or_audit_row(product: Product) -> None:
    active, revoked, email = product.log_in(email_address()), product.log_in(email_address()), email_address()
    product.revoke(revoked)
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    records = {each: product.record(each) for each in (active, revoked)}
    audited = audit_rows(product)

    product.stack.redis_server.kill()
    shutil.rmtree(product.stack.redis_server.folder / "appendonlydir")
    product.stack.redis_server.start()
    emptied = time.monotonic()
    product.wait_for_status(revoked, "revoked", timeout=10)
    product.wait_for_status(active, "active", timeout=10)
    assert time.monotonic() - emptied < 10
    wait_for(lambda: product.gateway.hget("gateway:projection", "state") == b"complete")
    assert {each: product.record(each) for each in records} == records
    assert product.confirm(challenge_id, code).status_code == 200
    assert audit_rows(product) == audited + 1


def audit_rows(product: Product) -> int:
    """Audit rows, without those in which the keeper reports the loss of Redis."""
    sql = "select count(*) as rows from audit_events where event <> 'security.begin_epoch'"
    return product.stack.database.execute(sql)[0]["rows"]


def test_a_request_that_was_refused_without_redis_leaves_no_work_behind(product: Product) -> None:
    """Runs last: nothing waits any more, and both processes are still those that were started."""
    database = product.stack.database
    wait_for(lambda: database.execute("select count(*) = 0 as empty from projection_outbox")[0]["empty"])
    assert all(product.stack.child(name).exit_status() is None for name in product.stack.services)
    assert product.internal.post("/api/v1/internal/sessions/x/revoke", json={**CAUSE}).status_code == 404
