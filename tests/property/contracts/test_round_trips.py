"""A written value is read back as it was, for every value and every spelling of it."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.gateway import (
    GatewayRecord,
    decode_record,
    decode_stream_entry,
    encode_record,
    encode_stream_entry,
)
from contracts.instant import decode_instant, encode_instant
from contracts.internal_blocks import (
    BlockCursor,
    BlockSubjectRequest,
    UnblockSubjectRequest,
    decode_block_subject,
    decode_list_blocks,
    decode_unblock_subject,
    encode_block_cursor,
)
from contracts.internal_sessions import (
    RevokeSessionRequest,
    RevokeUserSessionsRequest,
    SessionCursor,
    decode_list_sessions,
    decode_revoke_session,
    decode_revoke_user_sessions,
    encode_session_cursor,
)
from contracts.public_auth import ConfirmEmailCodeRequest, SendEmailCodeRequest, decode_confirm, decode_send
from contracts.strict_json import WHITE_SPACE
from tests.property.contracts.requests import (
    ATTRIBUTIONS,
    FILLED_TEXTS,
    INSTANTS,
    SUBJECTS,
    TEXTS,
    bodies_of,
    without_none,
)


def _record(device_session_id: str, user_id: str, key: str, revoked_at_ms: int | None) -> GatewayRecord:
    status = "active" if revoked_at_ms is None else "revoked"
    return GatewayRecord(device_session_id, user_id, key, status, revoked_at_ms)


RECORDS = st.builds(
    _record,
    TEXTS,
    TEXTS,
    TEXTS,
    st.none() | st.integers(min_value=0, max_value=10**16 - 1),
)

LABELS = (
    st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=64)
    .map(lambda text: text.strip(WHITE_SPACE))
    .filter(bool)
)


def on_the_wire(request: dict[str, Any]) -> dict[str, Any]:
    """The request's fields as JSON: the actor an object, the instant text, nothing for `None`."""
    fields = without_none(request)
    if "actor_type" in fields:
        fields["actor"] = without_none({"type": fields.pop("actor_type"), "id": fields.pop("actor_id", None)})
    if "expires_at" in fields:
        fields["expires_at"] = encode_instant(fields["expires_at"])
    return fields


@given(st.data(), FILLED_TEXTS)
def test_a_send_is_read_in_every_spelling(data: st.DataObject, email: str) -> None:
    assert decode_send(data.draw(bodies_of({"email": email}))) == SendEmailCodeRequest(email)


@given(
    st.data(),
    st.fixed_dictionaries(
        {
            "challenge_id": FILLED_TEXTS,
            "code": TEXTS,
            "client_public_key": TEXTS,
            "time_zone": st.none() | TEXTS,
            "client_key_proof": st.none() | TEXTS,
            "device_label": st.none() | LABELS,
        }
    ),
)
def test_a_confirm_is_read_in_every_spelling(data: st.DataObject, fields: dict[str, Any]) -> None:
    assert decode_confirm(data.draw(bodies_of(without_none(fields)))) == ConfirmEmailCodeRequest(**fields)


@given(st.data(), st.fixed_dictionaries(ATTRIBUTIONS))
def test_a_revocation_is_read_in_every_spelling(data: st.DataObject, fields: dict[str, Any]) -> None:
    assert decode_revoke_session(data.draw(bodies_of(on_the_wire(fields)))) == RevokeSessionRequest(**fields)


@given(st.data(), st.fixed_dictionaries({**ATTRIBUTIONS, "except_device_session_id": st.none() | FILLED_TEXTS}))
def test_a_revocation_of_a_user_is_read_in_every_spelling(data: st.DataObject, fields: dict[str, Any]) -> None:
    body = data.draw(bodies_of(on_the_wire(fields)))
    assert decode_revoke_user_sessions(body) == RevokeUserSessionsRequest(**fields)


@given(st.data(), SUBJECTS, st.fixed_dictionaries({**ATTRIBUTIONS, "expires_at": st.none() | INSTANTS}))
def test_a_block_is_read_in_every_spelling(
    data: st.DataObject, subject: dict[str, Any], fields: dict[str, Any]
) -> None:
    body = data.draw(bodies_of(on_the_wire(subject | fields)))
    assert decode_block_subject(body) == BlockSubjectRequest(**subject, **fields)


@given(st.data(), SUBJECTS, st.fixed_dictionaries(ATTRIBUTIONS))
def test_an_unblock_is_read_in_every_spelling(
    data: st.DataObject, subject: dict[str, Any], fields: dict[str, Any]
) -> None:
    body = data.draw(bodies_of(on_the_wire(subject | fields)))
    assert decode_unblock_subject(body) == UnblockSubjectRequest(**subject, **fields)


@given(RECORDS)
def test_a_gateway_record_survives_redis(record: GatewayRecord) -> None:
    assert decode_record(encode_record(record)) == record


@given(RECORDS)
def test_a_stream_entry_survives_redis_and_holds_strings_only(record: GatewayRecord) -> None:
    entry = encode_stream_entry(record)
    assert decode_stream_entry(entry) == record
    assert all(type(text) is str for pair in entry.items() for text in pair)


@given(INSTANTS)
def test_an_instant_survives_the_wire(instant: datetime) -> None:
    assert decode_instant(encode_instant(instant), "expires_at") == instant


@given(st.datetimes(timezones=st.just(UTC)), FILLED_TEXTS)
def test_a_session_cursor_survives_to_the_microsecond(created_at: datetime, device_session_id: str) -> None:
    cursor = SessionCursor(created_at, device_session_id)
    text = encode_session_cursor(cursor)
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()
    assert decode_list_sessions(f"cursor={text}").cursor == cursor


@given(st.integers(min_value=1, max_value=2**63 - 1))
def test_a_block_cursor_survives(block_id: int) -> None:
    assert decode_list_blocks(f"cursor={encode_block_cursor(BlockCursor(block_id))}").cursor == BlockCursor(block_id)


@given(st.integers(min_value=1, max_value=1000), st.sampled_from([None, "active", "revoked"]))
def test_every_limit_of_the_contract_is_taken(limit: int, status: str | None) -> None:
    query = decode_list_sessions(f"limit={limit}" + (f"&status={status}" if status else ""))
    assert (query.limit, query.status, query.cursor) == (limit, status, None)
