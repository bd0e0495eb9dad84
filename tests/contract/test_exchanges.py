"""The codecs write and read the golden exchanges exactly: values, shapes, order of fields."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import pytest

from contracts.encoding import encode
from contracts.errors import ErrorCode, encode_error
from contracts.instant import decode_instant
from contracts.internal_blocks import (
    BlockAnswer,
    BlockCursor,
    ListBlocksQuery,
    decode_block_subject,
    decode_list_blocks,
    decode_unblock_subject,
    encode_block_subject,
    encode_blocks,
    encode_unblock_subject,
)
from contracts.internal_mailbox import (
    MailboxLetter,
    MailboxMessage,
    decode_read_mailbox,
    encode_letters,
    encode_mailbox,
)
from contracts.internal_sessions import (
    ListSessionsQuery,
    SessionAnswer,
    SessionCursor,
    SessionRevocation,
    decode_list_sessions,
    decode_revoke_session,
    decode_revoke_user_sessions,
    encode_revoke_session,
    encode_revoke_user_sessions,
    encode_session,
    encode_sessions,
)
from contracts.internal_users import (
    FindUsersQuery,
    User,
    UserCursor,
    decode_change_user_email,
    decode_delete_user,
    decode_find_users,
    encode_change_user_email,
    encode_delete_user,
    encode_user,
    encode_users,
)
from contracts.notices import decode_revoke_by_notice, encode_revoked_by_notice
from contracts.public_auth import decode_confirm, decode_send, encode_challenge, encode_device_session
from contracts.self_service import (
    ListedSession,
    OrderOutcome,
    decode_label,
    encode_listed_sessions,
    encode_named,
    encode_others_revoked,
    encode_revoked,
)
from tests.contract.vectors import cases, load
from tests.support.json_values import is_object

Json = dict[str, Any]


def instant(text: str) -> datetime:
    return decode_instant(text, "instant")


def session(shown: Json) -> SessionAnswer:
    revocation = None
    if shown["status"] == "revoked":
        actor = shown["revoke_actor"]
        revocation = SessionRevocation(
            instant(shown["revoked_at"]), shown["revoke_reason_code"], actor["type"], actor.get("id")
        )
    return SessionAnswer(
        device_session_id=shown["device_session_id"],
        user_id=shown["user_id"],
        client_public_key=shown["client_public_key"],
        created_at=instant(shown["created_at"]),
        revocation=revocation,
    )


def block(shown: Json) -> BlockAnswer:
    return BlockAnswer(
        subject_kind=shown["subject_kind"],
        subject_value=shown["subject_value"],
        reason_code=shown["reason_code"],
        actor_type=shown["actor"]["type"],
        actor_id=shown["actor"].get("id"),
        created_at=instant(shown["created_at"]),
        expires_at=instant(shown["expires_at"]) if "expires_at" in shown else None,
    )


def sessions_page(answer: Json) -> bytes:
    sessions = [session(shown) for shown in answer["sessions"]]
    after = SessionCursor(sessions[-1].created_at, sessions[-1].device_session_id) if "next_cursor" in answer else None
    return encode_sessions(sessions, after)


def blocks_page(answer: Json) -> bytes:
    blocks = [block(shown) for shown in answer["blocks"]]
    return encode_blocks(blocks, BlockCursor(42) if "next_cursor" in answer else None)


def users(answer: Json) -> bytes:
    def user(shown: Json) -> User:
        fields: Json = {**shown, "created_at": instant(shown["created_at"])}
        return User(**fields)

    if "user" in answer:
        return encode_user(user(answer["user"]))
    page = [user(shown) for shown in answer["users"]]
    return encode_users(page, UserCursor(page[-1].user_id) if "next_cursor" in answer else None)


def mailbox(answer: Json) -> bytes:
    def message(shown: Json) -> MailboxMessage:
        fields: Json = {**shown, "sent_at": instant(shown["sent_at"])}
        return MailboxMessage(**fields)

    return encode_mailbox([message(shown) for shown in answer["messages"]])


def letters(answer: Json) -> bytes:
    def letter(shown: Json) -> MailboxLetter:
        fields: Json = {**shown, "sent_at": instant(shown["sent_at"])}
        return MailboxLetter(**fields)

    return encode_letters([letter(shown) for shown in answer["letters"]])


def listed(shown: Json) -> ListedSession:
    seen = shown.get("last_seen_on")
    return ListedSession(
        shown["device_session_id"],
        shown.get("label"),
        instant(shown["created_at"]),
        None if seen is None else date.fromisoformat(seen),
        shown["is_current"],
    )


ENCODERS: dict[str, Callable[[Json], bytes]] = {
    "send_email_code": lambda a: encode_challenge(a["challenge_id"]),
    "confirm_email_code": lambda a: encode_device_session(a["device_session_id"]),
    "list_device_sessions": lambda a: encode_listed_sessions(map(listed, a["device_sessions"])),
    "end_device_session": lambda a: encode_revoked(OrderOutcome(a["outcome"]), a["device_session_id"]),
    "end_other_device_sessions": lambda a: encode_others_revoked(
        OrderOutcome(a["outcome"]), a["affected_session_count"]
    ),
    "name_device_session": lambda a: encode_named(OrderOutcome(a["outcome"]), a["device_session_id"], a["label"]),
    "revoke_by_notice": lambda a: encode_revoked_by_notice(OrderOutcome(a["outcome"]), a["affected_session_count"]),
    "read_session": lambda a: encode_session(session(a["session"])),
    "find_users": users,
    "change_user_email": lambda a: encode_change_user_email(a["outcome"], a["user_id"]),
    "delete_user": lambda a: encode_delete_user(
        a["user_id"], a["affected_device_session_ids"], a["address_kept_for_block"]
    ),
    "list_sessions": sessions_page,
    "revoke_session": lambda a: encode_revoke_session(a["outcome"], a["device_session_id"]),
    "revoke_user_sessions": lambda a: encode_revoke_user_sessions(a["user_id"], a["affected_device_session_ids"]),
    "block_subject": lambda a: encode_block_subject(
        a["outcome"], a["subject_kind"], a["subject_value"], a["affected_device_session_ids"]
    ),
    "unblock_subject": lambda a: encode_unblock_subject(a["outcome"], a["subject_kind"], a["subject_value"]),
    "list_blocks": blocks_page,
    "read_mailbox": mailbox,
    "read_mailbox_letters": letters,
}

DECODERS: dict[str, Callable[[bytes], Any]] = {
    "send_email_code": decode_send,
    "confirm_email_code": decode_confirm,
    "name_device_session": lambda body: {"label": decode_label(body)},
    "revoke_by_notice": decode_revoke_by_notice,
    "revoke_session": decode_revoke_session,
    "revoke_user_sessions": decode_revoke_user_sessions,
    "delete_user": lambda body: decode_delete_user(body)._asdict(),
    "change_user_email": decode_change_user_email,
    "block_subject": decode_block_subject,
    "unblock_subject": decode_unblock_subject,
}

QUERIES: dict[str, Any] = {
    "list every session of a user": (decode_list_sessions, ListSessionsQuery()),
    "list sessions of nobody": (decode_list_sessions, ListSessionsQuery()),
    "list a page of revoked sessions": (decode_list_sessions, ListSessionsQuery(limit=1, status="revoked")),
    "find a user": (decode_find_users, FindUsersQuery(email="Pilot@example.com")),
    "list a page of users": (decode_find_users, FindUsersQuery(limit=1)),
    "list a page of blocks": (decode_list_blocks, ListBlocksQuery(limit=2)),
    "look up the block of an e-mail with a plus sign": (
        decode_list_blocks,
        ListBlocksQuery(email="pilot+test@example.com"),
    ),
    "read the development mailbox": (decode_read_mailbox, "pilot@example.com"),
    "read the letters of the development mailbox": (decode_read_mailbox, "pilot@example.com"),
}

EXCHANGES = cases("exchanges", "exchanges")


def expected_fields(request: Json) -> Json:
    """The request as its dataclass holds it: the actor flattened, the instant parsed."""
    fields = {**request}
    if "actor" in fields:
        actor = fields.pop("actor")
        fields |= {"actor_type": actor["type"], "actor_id": actor.get("id")}
    if "expires_at" in fields:
        fields["expires_at"] = instant(fields["expires_at"])
    return fields


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if case.values[0]["status"] == 200])
def test_an_answer_is_written_byte_for_byte(exchange: Json) -> None:
    assert ENCODERS[exchange["operation"]](exchange["response"]) == encode(exchange["response"])


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if case.values[0]["status"] != 200])
def test_an_error_is_written_byte_for_byte(exchange: Json) -> None:
    assert encode_error(ErrorCode(exchange["response"]["error"]["code"])) == encode(exchange["response"])


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if "request" in case.values[0]])
def test_a_request_is_read_field_by_field(exchange: Json) -> None:
    body = json.dumps(exchange["request"], indent=2).encode()
    decoded = DECODERS[exchange["operation"]](body)
    read = decoded if is_object(decoded) else asdict(decoded)
    expected = expected_fields(exchange["request"])
    assert {name: value for name, value in read.items() if value is not None or name in expected} == expected


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if case.values[0]["name"] in QUERIES])
def test_a_query_is_read(exchange: Json) -> None:
    decode, expected = QUERIES[exchange["name"]]
    assert decode(exchange.get("query", "")) == expected


def test_every_operation_with_a_query_or_a_body_has_an_exchange() -> None:
    operations = {exchange["operation"] for exchange in load("exchanges")["exchanges"]}
    assert operations == ENCODERS.keys()


def test_the_cursor_of_a_page_continues_after_its_last_item() -> None:
    page = next(e["response"] for e in load("exchanges")["exchanges"] if e["name"] == "list a page of revoked sessions")
    query = decode_list_sessions(f"limit=1&cursor={page['next_cursor']}")
    last = page["sessions"][-1]
    assert query.cursor == SessionCursor(instant(last["created_at"]), last["device_session_id"])
    assert decode_list_blocks("cursor=NDI").cursor == BlockCursor(42)


def test_no_repr_shows_an_email_a_code_or_a_key() -> None:
    for exchange in load("exchanges")["exchanges"]:
        if "request" in exchange:
            shown = repr(DECODERS[exchange["operation"]](json.dumps(exchange["request"]).encode()))
            assert not any(secret in shown for secret in ("pilot", "123456", "000000", "11qYAY", "AAAA", "challenge-"))
    assert "pilot" not in repr(decode_list_blocks("email=pilot@example.com"))
    answer = session(
        next(e["response"]["session"] for e in load("exchanges")["exchanges"] if e["operation"] == "read_session")
    )
    assert "11qYAY" not in repr(answer)
