"""The curl calls of the contract's examples, one after the other, with the printed bodies and answers.

Answers are compared byte for byte, with real ids, code and times in place of the printed ones.
"""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.instant import decode_instant
from shared.projection.projection import instant_of
from tests.support.builders import SEED_CLIENT_PUBLIC_KEY
from tests.support.product import Product
from tests.support.stack import wait_for

JSON = {"Content-Type": "application/json"}
SEND_BODY = '{"email":"pilot@example.com"}'
CONFIRM_BODY = """{
    "challenge_id": "challenge-123",
    "code": "123456",
    "client_public_key": "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
  }"""
REVOKE_BODY = '{"reason_code":"admin_revoke","actor":{"type":"system"}}'
BLOCK_BODY = '{"email":"pilot@example.com","reason_code":"policy_blocked","actor":{"type":"admin","id":"admin-1"}}'


def printed(**fields: Any) -> bytes:
    """The fields in the examples' order, as compact JSON, as on the wire."""
    return json.dumps(fields, separators=(",", ":")).encode()


def now(product: Product) -> datetime:
    """The time of the deciding clock."""
    return product.stack.database.execute("select clock_now() as now")[0]["now"]


@pytest.fixture(scope="module")
def ids(product: Product) -> dict[str, str]:
    """The real values for the examples' placeholders. Each test adds the values of its answer."""
    return {"device-session-123": "device-session-none"}


def test_1_send_answers_a_challenge(product: Product, ids: dict[str, str]) -> None:
    answer = product.public.post("/api/v1/public/auth/send-email-code", content=SEND_BODY, headers=JSON)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    ids["challenge-123"] = answer.json()["challenge_id"]
    assert re.fullmatch(r"challenge-[0-9a-z]{26}", ids["challenge-123"])
    assert answer.content == printed(challenge_id=ids["challenge-123"])


def test_2_confirm_answers_a_device_session(product: Product, ids: dict[str, str]) -> None:
    code = product.code("pilot@example.com", ids["challenge-123"])
    body = CONFIRM_BODY.replace("challenge-123", ids["challenge-123"]).replace("123456", code)
    answer = product.public.post("/api/v1/public/auth/confirm-email-code", content=body, headers=JSON)
    assert answer.status_code == 200, answer.text
    ids["device-session-123"] = answer.json()["device_session_id"]
    assert re.fullmatch(r"device-session-[0-9a-z]{26}", ids["device-session-123"])
    assert answer.content == printed(device_session_id=ids["device-session-123"])


def test_3_the_record_and_the_active_snapshot_are_as_printed_when_the_answer_is_there(
    product: Product, ids: dict[str, str]
) -> None:
    session_id, user_id = ids["device-session-123"], product.user("pilot@example.com")["user_id"]
    assert re.fullmatch(r"user-[0-9a-z]{26}", user_id)
    record = printed(
        device_session_id=session_id, user_id=user_id, client_public_key=SEED_CLIENT_PUBLIC_KEY, status="active"
    )
    assert product.record(session_id) == record
    [entry] = product.entries(session_id)
    assert list(entry.items()) == [
        (b"device_session_id", session_id.encode()),
        (b"user_id", user_id.encode()),
        (b"client_public_key", SEED_CLIENT_PUBLIC_KEY.encode()),
        (b"status", b"active"),
    ]


def test_4_read_answers_the_session(product: Product, ids: dict[str, str]) -> None:
    session_id = ids["device-session-123"]
    answer = product.internal.get(f"/api/v1/internal/sessions/{session_id}")
    assert answer.status_code == 200
    created_at = answer.json()["session"]["created_at"]
    assert timedelta() <= now(product) - decode_instant(created_at, "created_at") < timedelta(minutes=2)
    assert answer.content == printed(
        session={
            "device_session_id": session_id,
            "user_id": product.user("pilot@example.com")["user_id"],
            "client_public_key": SEED_CLIENT_PUBLIC_KEY,
            "status": "active",
            "created_at": created_at,
        }
    )


def test_5_revoke_answers_one_affected_session_and_gateways_see_it(product: Product, ids: dict[str, str]) -> None:
    session_id = ids["device-session-123"]
    answer = product.internal.post(f"/api/v1/internal/sessions/{session_id}/revoke", content=REVOKE_BODY, headers=JSON)
    assert answer.status_code == 200
    assert answer.content == printed(outcome="revoked", device_session_id=session_id, affected_session_count=1)

    user_id = product.user("pilot@example.com")["user_id"]
    revoked_at_ms = json.loads(product.record(session_id) or b"{}")["revoked_at_ms"]
    assert timedelta() <= now(product) - instant_of(revoked_at_ms) < timedelta(minutes=2)
    assert product.record(session_id) == printed(
        device_session_id=session_id,
        user_id=user_id,
        client_public_key=SEED_CLIENT_PUBLIC_KEY,
        status="revoked",
        revoked_at_ms=revoked_at_ms,
    )
    assert list(product.entries(session_id)[-1].items()) == [
        (b"device_session_id", session_id.encode()),
        (b"user_id", user_id.encode()),
        (b"client_public_key", SEED_CLIENT_PUBLIC_KEY.encode()),
        (b"status", b"revoked"),
        (b"revoked_at_ms", str(revoked_at_ms).encode()),
    ]
    assert [entry[b"status"] for entry in product.entries(session_id)] == [b"active", b"revoked"]


def test_6_block_answers_no_affected_session(product: Product, ids: dict[str, str]) -> None:
    answer = product.internal.post("/api/v1/internal/user-blocks", content=BLOCK_BODY, headers=JSON)
    assert answer.status_code == 200
    assert answer.content == printed(
        outcome="blocked",
        subject_kind="email",
        subject_value="pilot@example.com",
        affected_session_count=0,
        affected_device_session_ids=[],
    )


def test_7_a_code_of_an_ended_challenge_gets_the_printed_error(product: Product, ids: dict[str, str]) -> None:
    """Five wrong codes end a challenge. The sixth gets the printed error."""
    challenge_id = product.send("late-pilot@example.com")
    code = product.code("late-pilot@example.com", challenge_id)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    answers = [product.confirm(challenge_id, each) for each in [wrong] * 5 + [code]]
    assert [answer.status_code for answer in answers] == [400] * 5 + [410]
    assert answers[-1].content == printed(error={"code": "challenge_expired", "message": "challenge expired"})


def test_8_the_outbox_is_empty_after_all_calls(product: Product, ids: dict[str, str]) -> None:
    database = product.stack.database
    wait_for(lambda: database.execute("select count(*) = 0 as empty from projection_outbox")[0]["empty"])
