"""Journeys of people who log in: again, twice at once, blocked, over the limit, and with a proof of their key."""

import base64
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.e2e.conftest import PUBLIC_HOST
from tests.support.builders import client_public_key, email_address
from tests.support.product import Product


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@contextmanager
def settings(product: Product, **changes: object) -> Generator[None]:
    """System settings that hold until the block ends."""
    database = product.stack.database
    kept = dict(database.execute(f"select {', '.join(changes)} from settings")[0])
    write = f"update settings set {', '.join(f'{name} = ${place}' for place, name in enumerate(changes, 1))}"
    database.execute(write, *changes.values())
    try:
        yield
    finally:
        database.execute(write, *kept.values())


def test_a_returning_user_is_the_same_user_with_another_session(product: Product) -> None:
    email = email_address()
    first, second = (product.log_in(email, client_public_key().base64) for _ in range(2))
    assert first != second
    assert product.session(first)["user_id"] == product.session(second)["user_id"] == product.user(email)["user_id"]
    assert [product.session(each)["status"] for each in (first, second)] == ["active", "active"]


def test_another_spelling_of_the_address_is_the_same_user(product: Product) -> None:
    email = email_address()
    session = product.log_in(email)
    local, domain = email.split("@")
    assert (
        product.session(product.log_in(f"{local}@{domain.upper()}"))["user_id"] == product.session(session)["user_id"]
    )
    other = product.session(product.log_in(f"{local.upper()}@{domain}"))
    assert other["user_id"] == product.session(session)["user_id"]


def test_the_language_of_the_send_and_the_time_zone_of_the_confirm_are_the_users(product: Product) -> None:
    email = email_address()
    challenge_id = product.send(email, **{"Accept-Language": "nl, de-CH;q=0.9, fr;q=0.8"})
    [message] = product.stack.mailbox(email) or [{}]
    code = message.get("code") or product.code(email, challenge_id)
    assert product.stack.mailbox(email)[0]["locale"] == "de"
    assert product.confirm(challenge_id, code, time_zone="Asia/Tokyo").status_code == 200
    user = product.user(email)
    assert list(user) == ["user_id", "email", "created_at", "preferred_language", "time_zone"]
    assert (user["email"], user["preferred_language"], user["time_zone"]) == (email, "de", "Asia/Tokyo")

    product.log_in(email, time_zone="Europe/Paris")
    assert product.user(email) == user


def test_an_exact_repeat_gets_the_same_session_even_when_revoked_and_rewrites_its_record(
    product: Product,
) -> None:
    email, key = email_address(), client_public_key().base64
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    first = product.confirm(challenge_id, code, key)
    session_id = first.json()["device_session_id"]
    assert product.confirm(challenge_id, code, key).content == first.content

    product.revoke(session_id)
    revoked = product.record(session_id)
    entries = len(product.entries(session_id))
    repeated = product.confirm(challenge_id, code, key)
    assert (repeated.status_code, repeated.content) == (200, first.content)
    assert product.record(session_id) == revoked
    statuses = [entry[b"status"] for entry in product.entries(session_id)]
    assert statuses[entries - 1 :] == [b"revoked", b"revoked"]
    assert product.session(session_id)["status"] == "revoked"

    assert error_of(product.confirm(challenge_id, code, client_public_key().base64)) == (400, "invalid_code")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert error_of(product.confirm(challenge_id, wrong, key)) == (400, "invalid_code")
    assert product.confirm(challenge_id, code, key).content == first.content


def test_two_tabs_share_a_code_and_only_one_of_them_gets_a_session(product: Product) -> None:
    email = email_address()
    first, second = product.send(email), product.send(email)
    assert first != second
    code = product.code(email, first)
    assert len(product.stack.mailbox(email)) == 1
    assert product.confirm(second, code).status_code == 200
    assert error_of(product.confirm(first, code)) == (410, "challenge_expired")


def test_a_code_ends_after_its_ten_minutes(product: Product) -> None:
    email = email_address()
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    product.stack.travel(timedelta(minutes=10, seconds=1))
    answer = next(
        answer for answer in (product.confirm(challenge_id, code) for _ in range(5)) if answer.status_code != 503
    )
    assert error_of(answer) == (410, "challenge_expired")
    assert product.stack.mailbox(email) == []


def test_a_blocked_address_gets_the_same_200_and_no_mail(product: Product) -> None:
    email = email_address()
    assert product.post("/user-blocks", email=email.upper()).json()["subject_value"] == email
    challenge_id = product.send(email)
    assert error_of(product.confirm(challenge_id, "123456")) == (400, "invalid_code")
    assert product.stack.mailbox(email) == []


@pytest.mark.parametrize("kind", ["email", "user_id"])
def test_a_block_revokes_refuses_the_right_code_and_costs_nothing(product: Product, kind: str) -> None:
    email = email_address()
    session_id = product.log_in(email)
    user_id = product.session(session_id)["user_id"]
    subject = {"email": email, "user_id": user_id}[kind]
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)

    blocked = product.post("/user-blocks", **{kind: subject})
    assert blocked.json() == {
        "outcome": "blocked",
        "subject_kind": kind,
        "subject_value": subject,
        "affected_session_count": 1,
        "affected_device_session_ids": [session_id],
    }
    assert product.session(session_id)["status"] == "revoked"
    assert b'"status":"revoked"' in (product.record(session_id) or b"")
    again = product.post("/user-blocks", **{kind: subject}).json()
    assert (again["outcome"], again["affected_session_count"]) == ("already_blocked", 0)
    listed = product.internal.get("/api/v1/internal/user-blocks", params={kind: subject}).json()["blocks"]
    assert [(block["subject_kind"], block["subject_value"]) for block in listed] == [(kind, subject)]

    for _ in range(6):
        assert error_of(product.confirm(challenge_id, code)) == (403, "blocked_by_policy")
    removed = {"subject_kind": kind, "subject_value": subject}
    assert product.post("/user-blocks/remove", **{kind: subject}).json() == {"outcome": "unblocked", **removed}
    assert product.post("/user-blocks/remove", **{kind: subject}).json() == {"outcome": "not_blocked", **removed}
    assert product.confirm(challenge_id, code).status_code == 200


def test_at_the_limit_policy_reject_refuses_and_the_code_stays_usable(product: Product) -> None:
    email = email_address()
    oldest = product.log_in(email)
    with settings(product, session_limit=1, session_limit_policy="reject"):
        challenge_id = product.send(email)
        code = product.code(email, challenge_id)
        for _ in range(6):
            assert error_of(product.confirm(challenge_id, code)) == (409, "session_limit_exceeded")
        assert product.revoke(oldest).status_code == 200
        assert product.confirm(challenge_id, code).status_code == 200


def test_at_the_limit_policy_revoke_oldest_makes_room(product: Product) -> None:
    email = email_address()
    sessions = [product.log_in(email, client_public_key().base64) for _ in range(3)]
    with settings(product, session_limit=2, session_limit_policy="revoke_oldest"):
        newest = product.log_in(email)
    assert [product.session(each)["status"] for each in [*sessions, newest]] == [
        "revoked", "revoked", "active", "active",
    ]  # fmt: skip
    revoked = product.session(sessions[0])
    assert (revoked["revoke_reason_code"], revoked["revoke_actor"]) == ("session_limit", {"type": "system"})
    assert [b'"status":"revoked"' in (product.record(each) or b"") for each in [*sessions, newest]] == [
        True, True, False, False,
    ]  # fmt: skip


class Device:
    """An app with a key pair that proves possession of its key (SPEC §3.9)."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        self.key = base64.b64encode(self._private.public_key().public_bytes_raw()).decode()

    def proof(self, challenge_id: str, code: str, host: str = PUBLIC_HOST) -> str:
        fields = [text.encode() for text in ("authsession-confirm-v1", host, challenge_id, code)]
        assert all(len(field) < 128 for field in fields)  # a uvarint of such a length is one byte
        return base64.b64encode(self._private.sign(b"".join(bytes([len(each)]) + each for each in fields))).decode()


def test_a_right_proof_is_taken_and_a_wrong_one_costs_nothing(product: Product) -> None:
    email, device = email_address(), Device()
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    for wrong in (
        device.proof(challenge_id, code, host="other.example.com"),
        device.proof(challenge_id + "x", code),
        Device().proof(challenge_id, code),
        device.proof(challenge_id, code)[:-4],
        "",
    ):
        answer = product.confirm(challenge_id, code, device.key, client_key_proof=wrong)
        assert error_of(answer) == (400, "invalid_client_public_key"), wrong
    proof = device.proof(challenge_id, code)
    answer = product.confirm(challenge_id, code, device.key, client_key_proof=proof)
    assert answer.status_code == 200
    assert product.confirm(challenge_id, code, device.key, client_key_proof=proof).content == answer.content
    typed_code = f"{code[:3]} {code[3:]}"  # the proof signs the six digits
    assert product.confirm(challenge_id, typed_code, device.key, client_key_proof=proof).content == answer.content
    typed_proof = device.proof(challenge_id, typed_code)
    answer = product.confirm(challenge_id, typed_code, device.key, client_key_proof=typed_proof)
    assert error_of(answer) == (400, "invalid_client_public_key")


def test_with_mandatory_proofs_a_confirm_without_one_is_refused_and_costs_nothing(product: Product) -> None:
    email, device = email_address(), Device()
    with settings(product, require_client_key_proof=True):
        challenge_id = product.send(email)
        code = product.code(email, challenge_id)
        for _ in range(6):
            answer = product.confirm(challenge_id, code, device.key)
            assert error_of(answer) == (400, "invalid_client_public_key")
        proof = device.proof(challenge_id, code)
        assert product.confirm(challenge_id, code, device.key, client_key_proof=proof).status_code == 200


@pytest.mark.parametrize("time_zone", [None, "", "GMT+02:00", "Etc/Unknown", "Mars/Base", "../etc/passwd", "é" * 500])
def test_no_name_of_a_time_zone_fails_a_login(product: Product, time_zone: str | None) -> None:
    """Typed clients send `null`, and some devices invent names of time zones."""
    email = email_address()
    challenge_id = product.send(email)
    body = {
        "challenge_id": challenge_id,
        "code": product.code(email, challenge_id),
        "client_public_key": client_public_key().base64,
        "time_zone": time_zone,
        "client_key_proof": None,
    }
    answer = product.public.post("/api/v1/public/auth/confirm-email-code", json=body)
    assert answer.status_code == 200, answer.text
    assert product.user(email)["time_zone"] == "UTC"


def typed(code: str) -> list[str]:
    """Codes as people type and paste them."""
    full_width = code.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    return [
        f" {code[:3]} {code[3:]}\n", f"{code[:3]}-{code[3:]}", full_width, code + code, f"@{PUBLIC_HOST} #{code}",
    ]  # fmt: skip


def test_a_code_is_taken_as_people_type_and_paste_it_and_what_is_no_code_costs_nothing(product: Product) -> None:
    email, key = email_address(), client_public_key().base64
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    for text in ("", "123 45", code[:5] + "²", code + code[::-1] + "0", f"#{code}", "my code", "1" * 200):
        for _ in range(2):
            assert error_of(product.confirm(challenge_id, text, key)) == (400, "invalid_code")

    answers = [product.confirm(challenge_id, text, key) for text in typed(code)]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert len({answer.content for answer in answers}) == 1  # repeats of one login
