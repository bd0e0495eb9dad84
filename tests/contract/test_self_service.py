"""The codecs of self-service: an order is read from its signed message type and body, and from nothing else."""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ErrorCode, Refusal
from contracts.self_service import (
    ListedSession,
    NameSession,
    Order,
    OrderOutcome,
    RevokeOthers,
    RevokeSession,
    encode_listed_sessions,
    encode_named,
    encode_others_revoked,
    encode_revoked,
    read_order,
)

SESSIONS = "/api/v1/public/device-sessions"


@pytest.mark.parametrize(
    ("message_type", "body", "order"),
    [
        (f"DELETE {SESSIONS}/device-session-123", b"", RevokeSession("device-session-123")),
        (f"POST {SESSIONS}/revoke-others", b"", RevokeOthers()),
        (f"PATCH {SESSIONS}/current", b'{"label":" Firefox on Linux "}', NameSession("Firefox on Linux")),
        (f"PATCH {SESSIONS}/current", '{"label":"Annas 📱"}'.encode(), NameSession("Annas 📱")),
    ],
)
def test_an_order_is_read_from_what_the_device_signed(message_type: str, body: bytes, order: Order) -> None:
    assert read_order(message_type, body) == order


@pytest.mark.parametrize(
    ("message_type", "body"),
    [
        (f"GET {SESSIONS}", b""),
        (f"delete {SESSIONS}/device-session-123", b""),
        (f"POST {SESSIONS}/revoke-others?all", b""),
        (f"POST {SESSIONS}/revoke-others", b'{"label":"x"}'),
        (f"POST {SESSIONS}/revoke-others", b"{}"),
        (f"DELETE {SESSIONS}/device-session-123", b'{"device_session_id":"device-session-456"}'),
        (f"PATCH {SESSIONS}/current", b""),
        (f"PATCH {SESSIONS}/current", b'{"label":null}'),
        (f"PATCH {SESSIONS}/current", b'{"label":" "}'),
        (f"PATCH {SESSIONS}/current", b'{"label":"%s"}' % (b"x" * 65)),
        (f"PATCH {SESSIONS}/current", b'{"label":"a\\u0007b"}'),
        (f"PATCH {SESSIONS}/current", b'{"label":"a\\u2028b"}'),
        (f"PATCH {SESSIONS}/current", b'{"label":"a\\u202eb"}'),
        (f"PATCH {SESSIONS}/current", b'{"label":"x"}' + b" " * 1024),
        ("", b""),
    ],
)
def test_anything_else_is_no_order(message_type: str, body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        _ = read_order(message_type, body)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("target", ["", "a%20b", "device-session-123?x", "a/b", "é", "x" * 129])
def test_a_target_that_can_be_no_id_is_not_found_like_any_unknown_one(target: str) -> None:
    with pytest.raises(Refusal) as refused:
        _ = read_order(f"DELETE {SESSIONS}/{target}", b"")
    assert (refused.value.code, refused.value.message) == (ErrorCode.SESSION_NOT_FOUND, "session not found")


_STARTS = (f"DELETE {SESSIONS}/", f"POST {SESSIONS}/revoke-others", f"PATCH {SESSIONS}/current")


@given(st.sampled_from(_STARTS), st.text(), st.binary())
def test_no_bytes_make_the_reader_raise_anything_but_a_refusal(start: str, rest: str, body: bytes) -> None:
    try:
        order = read_order(start + rest, body)
    except Refusal:
        return
    assert read_order(start + rest, body) == order


def test_the_answers_have_the_form_of_the_contract() -> None:
    listed = [
        ListedSession("a", "Pixel", datetime(2026, 4, 5, 12, 0, 0, 999, tzinfo=UTC), date(2026, 4, 6), is_current=True),
        ListedSession("b", None, datetime(2026, 4, 5, 12, tzinfo=UTC), None, is_current=False),
    ]
    assert json.loads(encode_listed_sessions(listed)) == {
        "device_sessions": [
            {"device_session_id": "a", "label": "Pixel", "created_at": "2026-04-05T12:00:00Z",
             "last_seen_on": "2026-04-06", "is_current": True},
            {"device_session_id": "b", "created_at": "2026-04-05T12:00:00Z", "is_current": False},
        ]
    }  # fmt: skip
    assert encode_revoked(OrderOutcome.REVOKED, "a") == b'{"outcome":"revoked","device_session_id":"a"}'
    assert encode_others_revoked(OrderOutcome.REVOKED, 2) == b'{"outcome":"revoked","affected_session_count":2}'
    assert (
        encode_named(OrderOutcome.NAMED, "a", "é") == '{"outcome":"named","device_session_id":"a","label":"é"}'.encode()
    )
