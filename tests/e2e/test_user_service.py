"""Journeys through both processes with users in a user service, also while the service is away (SPEC §8)."""

from collections.abc import Iterator

import pytest

from tests.support.builders import client_public_key, email_address
from tests.support.database import Database
from tests.support.product import CONFIRM, INTERNAL, Product, open_product
from tests.support.stack import open_stack, wait_for
from tests.support.user_service import UserServicePeer, user_service_peer


@pytest.fixture(scope="module")
def peer() -> Iterator[UserServicePeer]:
    with user_service_peer() as running:
        yield running


@pytest.fixture(scope="module")
def product(database: Database, peer: UserServicePeer) -> Iterator[Product]:
    rest = {
        "AUTHSESSION_USER_SERVICE_MODE": "rest",
        "AUTHSESSION_USER_SERVICE_BASE_URL": peer.url,
        "AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT": "500ms",
    }
    with open_stack(database, **rest) as stack, open_product(stack) as clients:
        yield clients


def test_a_login_registers_at_the_service_and_its_id_goes_to_sessions_and_gateways(
    product: Product, peer: UserServicePeer
) -> None:
    email = email_address()
    session_id = product.log_in(email, time_zone="Europe/Berlin")
    user_id = product.session(session_id)["user_id"]
    assert user_id == peer.users[email] == product.user(email)["user_id"]
    assert peer.registrations[email] == {"preferred_language": "en", "time_zone": "Europe/Berlin"}
    assert f'"user_id":"{user_id}"'.encode() in (product.record(session_id) or b"")
    assert [each["device_session_id"] for each in product.sessions(user_id)["sessions"]] == [session_id]


def test_a_person_blocked_by_the_service_learns_it_only_for_the_right_code(
    product: Product, peer: UserServicePeer
) -> None:
    email = email_address()
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    peer.blocked.add(email)
    assert product.confirm(challenge_id, f"{(int(code) + 1) % 10**6:06}").json()["error"]["code"] == "invalid_code"
    answer = product.confirm(challenge_id, code)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "blocked_by_policy")
    peer.blocked.discard(email)
    assert product.confirm(challenge_id, code).status_code == 200


def test_while_the_service_is_away_a_confirm_is_503_and_the_same_one_succeeds_later(
    product: Product, peer: UserServicePeer
) -> None:
    email = email_address()
    challenge_id = product.send(email)
    body = {
        "challenge_id": challenge_id,
        "code": product.code(email, challenge_id),
        "client_public_key": client_public_key().base64,
    }
    peer.stop()
    try:
        for _ in range(8):  # more failures than the circuit breaker needs to open
            answer = product.public.post(CONFIRM, json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
            assert int(answer.headers["retry-after"]) >= 1
        wrong = product.public.post(CONFIRM, json={**body, "code": f"{(int(body['code']) + 1) % 10**6:06}"})
        assert wrong.json()["error"]["code"] == "invalid_code"
        assert "authsession_user_service_circuit_open 1.0" in product.metrics.get("/metrics").text
    finally:
        peer.start()
    answer = wait_for(lambda: (again := product.public.post(CONFIRM, json=body)).status_code == 200 and again)
    assert product.session(answer.json()["device_session_id"])["user_id"] == peer.users[email]


def test_while_the_service_is_away_blocks_hold_here_and_reach_it_later_and_mails_wait(
    product: Product, peer: UserServicePeer
) -> None:
    blocked, waiting = email_address(), email_address()
    session_id = product.log_in(blocked)
    peer.stop()
    try:
        assert product.post("/user-blocks", email=blocked).json()["affected_device_session_ids"] == [session_id]
        product.wait_for_status(session_id, "revoked")
        challenge_id = product.send(waiting)
        wait_for(lambda: "service_block_orders_waiting 1.0" in product.internal.get("/metrics").text)
        unknown = product.post("/user-blocks", user_id="someone-elsewhere")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (503, "service_unavailable")
        product.stack.restart("internal")
        assert product.stack.mailbox(waiting) == []
    finally:
        peer.start()
    wait_for(lambda: blocked in peer.blocked)
    assert peer.reasons[blocked] == "admin_revoke"
    wait_for(lambda: 'service_block_orders_total{outcome="delivered"} 1.0' in product.internal.get("/metrics").text)
    assert product.confirm(challenge_id, product.code(waiting, challenge_id)).status_code == 200
    assert product.post("/user-blocks", user_id="someone-elsewhere").status_code == 404


def test_calls_of_the_service_and_orders_are_counted_by_operation_and_outcome(product: Product) -> None:
    email = email_address()
    product.log_in(email)
    public = product.metrics.get("/metrics").text
    for operation in ("resolve", "ensure"):
        assert (
            f'authsession_user_service_call_duration_seconds_count{{operation="{operation}",outcome="answered"}}'
            in public
        )
    assert product.internal.get(f"{INTERNAL}/users", params={"email": email}).status_code == 200
    assert email not in public
