"""The decision about an order: pure, and it never raises, whatever the public process wrote (SPEC §20.2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from clients.gateway.signature import Signer as DeviceKey
from contracts.self_service import CURRENT_PATH, REVOKE_OTHERS_PATH, SESSIONS_PATH, WINDOW, OrderOutcome
from services.internal_admin.self_service.domain import (
    NOTICE_LIFE,
    EndSession,
    EndSessions,
    Flaw,
    Notice,
    NoticeToken,
    Order,
    Refuse,
    Rename,
    Settle,
    SignedRequest,
    Signer,
    decide,
)
from shared.kernel.client_key import is_usable_ed25519

NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
OWN = "device-session-own"
KEY = DeviceKey(OWN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
PUBLIC_KEY = KEY.private_key.public_key().public_bytes_raw()
SIGNER = Signer("user-1", PUBLIC_KEY, is_live=True)
NOTICE = Notice("device-session-new", "user-1", NOW - timedelta(days=1), is_used=False)
REVOKE_OTHERS = f"POST {REVOKE_OTHERS_PATH}"


def signed(message_type: str, body: bytes = b"", timestamp_ms: int = NOW_MS) -> Order:
    envelope = KEY.sign(message_type, body, timestamp_ms=timestamp_ms, request_id="request-1")
    proof = SignedRequest(OWN, "request-1", message_type, timestamp_ms, body, envelope.signature)
    return Order(1, proof, NOW, None, "192.0.2.1", "http-1")


def with_token(*, everything: bool = False) -> Order:
    return Order(1, NoticeToken(everything), NOW, None, "192.0.2.1", "http-1")


def test_the_signed_target_decides() -> None:
    assert decide(signed(f"DELETE {SESSIONS_PATH}/{OWN}"), SIGNER, None) == EndSession("user-1", OWN, "user_logout")
    other = decide(signed(f"DELETE {SESSIONS_PATH}/device-session-b"), SIGNER, None)
    assert other == EndSession("user-1", "device-session-b", "user_revoked_device")
    assert decide(signed(REVOKE_OTHERS), SIGNER, None) == EndSessions("user-1", OWN, "user_revoked_device")
    named = decide(signed(f"PATCH {CURRENT_PATH}", b'{"label": " Phone "}'), SIGNER, None)
    assert named == Rename("user-1", OWN, "Phone")


def test_the_window_is_closed_on_both_sides() -> None:
    for difference in (WINDOW, -WINDOW):
        at_the_edge = NOW_MS + difference // timedelta(milliseconds=1)
        beyond = at_the_edge + (1 if difference > timedelta() else -1)
        assert isinstance(decide(signed(REVOKE_OTHERS, timestamp_ms=at_the_edge), SIGNER, None), EndSessions)
        late = decide(signed(REVOKE_OTHERS, timestamp_ms=beyond), SIGNER, None)
        assert late == Settle(OrderOutcome.TIMESTAMP_OUT_OF_WINDOW)


def test_an_ended_signer_orders_nothing_but_finishes_what_it_began() -> None:
    ended, order = replace(SIGNER, is_live=False), signed(REVOKE_OTHERS)

    assert decide(order, ended, None) == Settle(OrderOutcome.SESSION_REVOKED)
    assert isinstance(decide(replace(order, session_count=1000), ended, None), EndSessions)


def test_a_begun_order_still_needs_its_proof() -> None:
    begun = replace(signed(REVOKE_OTHERS), session_count=1000)
    assert decide(begun, replace(SIGNER, public_key=bytes(32)), None) == Refuse(Flaw.INVALID_SIGNATURE)


def test_agents_and_strangers_order_nothing() -> None:
    agent = replace(SIGNER, user_id="agent-" + "0" * 26)
    assert decide(signed(REVOKE_OTHERS), agent, None) == Refuse(Flaw.SESSION_UNKNOWN)
    assert decide(signed(REVOKE_OTHERS), None, NOTICE) == Refuse(Flaw.SESSION_UNKNOWN)


def test_a_token_counts_for_30_days_and_once() -> None:
    at_the_edge = replace(NOTICE, created_at=NOW - NOTICE_LIFE)
    beyond = replace(NOTICE, created_at=NOW - NOTICE_LIFE - timedelta(microseconds=1))

    assert decide(with_token(), SIGNER, at_the_edge) == EndSession("user-1", "device-session-new", "user_denied_login")
    assert decide(with_token(everything=True), SIGNER, NOTICE) == EndSessions("user-1", None, "user_denied_login")
    assert decide(with_token(), SIGNER, beyond) == Settle(OrderOutcome.NOTICE_EXPIRED)
    assert decide(with_token(), None, None) == Settle(OrderOutcome.NOTICE_EXPIRED)
    assert decide(with_token(), SIGNER, replace(NOTICE, is_used=True)) == Settle(OrderOutcome.ALREADY_REVOKED)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
message_types = texts | st.sampled_from(
    [REVOKE_OTHERS, f"DELETE {SESSIONS_PATH}/{OWN}", f"PATCH {CURRENT_PATH}", f"GET {SESSIONS_PATH}"]
)
bodies = st.binary(max_size=80) | texts.map(lambda text: b'{"label": "' + text.encode() + b'"}')
columns = st.builds(
    SignedRequest,
    device_session_id=texts | st.just(OWN),
    request_id=texts | st.just("request-1"),
    message_type=message_types,
    timestamp_ms=st.integers(-(2**63), 2**63 - 1) | st.just(NOW_MS),
    body=bodies,
    signature=st.binary(min_size=64, max_size=64)
    | st.just(KEY.sign(REVOKE_OTHERS, b"", timestamp_ms=NOW_MS, request_id="request-1").signature),
)


@given(columns, st.binary(min_size=32, max_size=32).filter(is_usable_ed25519) | st.just(PUBLIC_KEY))
def test_no_columns_change_anything_but_those_that_the_device_signed(columns: SignedRequest, key: bytes) -> None:
    """They never raise either: the worker must live on."""
    order = replace(signed(REVOKE_OTHERS), proof=columns)

    decision = decide(order, replace(SIGNER, public_key=key), None)

    if columns != signed(REVOKE_OTHERS).proof or key != PUBLIC_KEY:
        assert decision == Refuse(Flaw.INVALID_SIGNATURE)


@given(message_types, bodies)
def test_a_signed_request_is_an_order_or_refused(message_type: str, body: bytes) -> None:
    decision = decide(signed(message_type, body), SIGNER, None)

    if isinstance(decision, Settle):
        assert decision.outcome is OrderOutcome.SESSION_NOT_FOUND
    if message_type == REVOKE_OTHERS and not body:
        assert isinstance(decision, EndSessions)
    if not message_type.startswith(("DELETE ", "POST ", "PATCH ")):
        assert decision == Refuse(Flaw.NO_ORDER)
