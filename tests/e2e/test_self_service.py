"""A person looks after their devices, with both processes: the public one files, the internal one carries out."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx

from tests.support.builders import email_address
from tests.support.product import BLOCKS, CAUSE, Product
from tests.support.self_service import LIST, REVOKE_OTHERS, Call, Device, Signed, name, revoke


def device_of(product: Product, email: str, **optional: str) -> Device:
    """A device that has logged in."""
    device = Device()
    device.device_session_id = product.log_in(email, device.client_public_key.base64, **optional)
    return device


def send(product: Product, signed: Signed) -> httpx.Response:
    return product.public.request(signed.method, signed.target, content=signed.body, headers=signed.headers)


def call(product: Product, device: Device, asked: Call) -> httpx.Response:
    return send(product, device.sign(asked))


def listed(product: Product, device: Device) -> list[dict[str, Any]]:
    answer = call(product, device, LIST)
    assert answer.status_code == 200, answer.text
    return answer.json()["device_sessions"]


def trail(product: Product, subject: str) -> list[Any]:
    return product.stack.database.execute(
        "select event, caller, actor_type, reason_code from audit_events where subject = $1 "
        "and event <> 'security.create_session' order by audit_id",
        subject,
    )


def test_a_person_ends_a_lost_device_names_this_one_and_logs_out(product: Product) -> None:
    email = email_address()
    lost, here = device_of(product, email), device_of(product, email, device_label="Firefox on Linux")
    both = listed(product, here)
    assert [(each["device_session_id"], each.get("label"), each["is_current"]) for each in both] == [
        (here.device_session_id, "Firefox on Linux", True), (lost.device_session_id, None, False)
    ]  # fmt: skip

    ended = call(product, here, revoke(lost.device_session_id))
    assert ended.json() == {"outcome": "revoked", "device_session_id": lost.device_session_id}
    assert b'"status":"revoked"' in (product.record(lost.device_session_id) or b"")
    assert call(product, here, revoke(lost.device_session_id)).json()["outcome"] == "already_revoked"
    assert call(product, lost, LIST).json()["error"]["code"] == "session_revoked"

    assert call(product, here, name(" Laptop ")).json()["label"] == "Laptop"
    assert [each["label"] for each in listed(product, here)] == ["Laptop"]

    log_out = here.sign(revoke(here.device_session_id))
    assert send(product, log_out).json()["outcome"] == "revoked"
    assert b'"status":"revoked"' in (product.record(here.device_session_id) or b"")
    assert send(product, log_out).json()["outcome"] == "revoked"
    again = call(product, here, revoke(here.device_session_id))
    assert (again.status_code, again.json()["error"]["code"]) == (401, "session_revoked")

    session = product.session(here.device_session_id)
    assert session["revoke_reason_code"] == "user_logout"
    assert session["revoke_actor"] == {"type": "user", "id": session["user_id"]}
    events = [tuple(row) for row in trail(product, here.device_session_id)]
    assert events == [
        ("security.name_session", here.device_session_id, "user", None),
        ("security.revoke_session", here.device_session_id, "user", "user_logout"),
    ]
    assert product.session(lost.device_session_id)["revoke_reason_code"] == "user_revoked_device"


def test_log_out_everywhere_else_leaves_this_device(product: Product) -> None:
    email = email_address()
    others, here = [device_of(product, email) for _ in range(2)], device_of(product, email)
    answer = call(product, here, REVOKE_OTHERS)
    assert answer.json() == {"outcome": "revoked", "affected_session_count": 2}
    for other in others:
        assert b'"status":"revoked"' in (product.record(other.device_session_id) or b"")
    assert call(product, here, REVOKE_OTHERS).json() == {"outcome": "no_active_sessions", "affected_session_count": 0}
    assert len(listed(product, here)) == 1


def test_the_session_of_another_user_is_not_found_byte_for_byte_like_an_unknown_one(product: Product) -> None:
    mine, theirs = device_of(product, email_address()), device_of(product, email_address())
    ids = (theirs.device_session_id, "device-session-" + "0" * 26)
    answers = [call(product, mine, revoke(each)) for each in ids]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, b'{"error":{"code":"session_not_found","message":"session not found"}}')
    }
    assert len({tuple(heads(answer)) for answer in answers}) == 1
    assert [each["device_session_id"] for each in listed(product, mine)] == [mine.device_session_id]
    assert product.session(theirs.device_session_id)["status"] == "active"
    assert trail(product, theirs.device_session_id) == []


def test_a_captured_order_ends_no_other_session_and_nothing_later(product: Product) -> None:
    email = email_address()
    victim, twin = device_of(product, email), device_of(product, email)
    captured = victim.sign(revoke("device-session-" + "0" * 26))
    assert send(product, captured).status_code == 404
    for bent in (
        replace(captured, target=revoke(twin.device_session_id)[1]),
        replace(captured, envelope=replace(captured.envelope, request_id="another")),
        replace(captured, envelope=replace(captured.envelope, device_session_id=twin.device_session_id)),
    ):
        refused = send(product, bent)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_signature")
    assert len(listed(product, victim)) == 2


def test_a_log_out_that_meets_a_block_is_one_revocation(product: Product) -> None:
    with ThreadPoolExecutor(2) as threads:
        for _ in range(5):
            email = email_address()
            device = device_of(product, email)
            signed = device.sign(revoke(device.device_session_id))
            blocked = threads.submit(product.internal.post, BLOCKS, json={**CAUSE, "email": email})
            answer = threads.submit(send, product, signed).result()
            assert blocked.result().status_code == 200
            assert answer.status_code in {200, 401}, answer.text
            revoked = product.session(device.device_session_id)
            was_log_out = revoked["revoke_reason_code"] == "user_logout"
            assert len(trail(product, device.device_session_id)) == was_log_out
            assert len(product.entries(device.device_session_id)) == 2


def heads(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(key, value) for key, value in answer.headers.items() if key not in {"x-request-id", "date"}]
