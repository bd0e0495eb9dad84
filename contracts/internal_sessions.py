"""Requests and answers of the trusted session routes (SPEC §4.1). Decoders check the form only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from contracts.attribution import ATTRIBUTION_NAMES, encode_actor, read_attribution
from contracts.cursor import encode_position, invalid_cursor, read_position
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.session_status import SessionStatus
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_filled_text, read_text
from contracts.strict_query import decode_query, read_limit

RevokeSessionOutcome: TypeAlias = Literal["revoked", "already_revoked"]

_REVOKE_ALL_NAMES = ATTRIBUTION_NAMES | {"except_device_session_id"}
_LIST_NAMES = frozenset({"limit", "cursor", "status"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RevokeSessionRequest:
    """Revokes the session in the path."""

    reason_code: str
    actor_type: str
    actor_id: str | None


@dataclass(frozen=True, slots=True)
class RevokeUserSessionsRequest:
    """Revokes every session of the user in the path, except `except_device_session_id`."""

    reason_code: str
    actor_type: str
    actor_id: str | None
    except_device_session_id: str | None = None


@dataclass(frozen=True, slots=True)
class SessionCursor:
    """The last session of a page. The next page starts after it. `created_at` is exact to the microsecond."""

    created_at: datetime
    device_session_id: str


@dataclass(frozen=True, slots=True)
class ListSessionsQuery:
    """Asks for a user's sessions, of one `status` if given. Without `limit` the answer holds all of them.

    `cursor` continues an earlier page.
    """

    limit: int | None = None
    cursor: SessionCursor | None = None
    status: SessionStatus | None = None


@dataclass(frozen=True, slots=True)
class SessionRevocation:
    """The time, reason and actor of a session's revocation."""

    revoked_at: datetime
    reason_code: str
    actor_type: str
    actor_id: str | None


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """One session as trusted services see it. `client_public_key` is base64. An active session has no revocation."""

    device_session_id: str
    user_id: str
    client_public_key: str = field(repr=False)
    created_at: datetime
    revocation: SessionRevocation | None = None


def decode_revoke_session(body: bytes) -> RevokeSessionRequest:
    """The body of `POST sessions/{id}/revoke`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), ATTRIBUTION_NAMES)
    return RevokeSessionRequest(*read_attribution(fields))


def decode_revoke_user_sessions(body: bytes) -> RevokeUserSessionsRequest:
    """The body of `POST users/{user_id}/sessions/revoke-all`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _REVOKE_ALL_NAMES)
    spared = read_filled_text(fields, "except_device_session_id") if "except_device_session_id" in fields else None
    return RevokeUserSessionsRequest(*read_attribution(fields), except_device_session_id=spared)


def decode_list_sessions(query: str) -> ListSessionsQuery:
    """The query of `GET users/{user_id}/sessions`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    parameters = decode_query(query, _LIST_NAMES)
    position = read_position(parameters)
    return ListSessionsQuery(
        limit=read_limit(parameters),
        cursor=None if position is None else _decode_position(position),
        status=_read_status(parameters),
    )


def encode_session(session: SessionAnswer) -> bytes:
    """The answer of `GET sessions/{id}`."""
    return encode({"session": _session(session)})


def encode_sessions(sessions: Sequence[SessionAnswer], next_cursor: SessionCursor | None = None) -> bytes:
    """The answer of `GET users/{user_id}/sessions`. It has `next_cursor` only if more sessions remain."""
    return join_sessions([encode_slice(sessions)] if sessions else [], next_cursor)


def encode_slice(sessions: Sequence[SessionAnswer]) -> bytes:
    """One or more sessions of a list, encoded. A long list is encoded slice by slice."""
    return encode([_session(session) for session in sessions])[1:-1]


def join_sessions(slices: Sequence[bytes], next_cursor: SessionCursor | None = None) -> bytes:
    """The answer of `GET users/{user_id}/sessions`, from its encoded slices."""
    end = b"" if next_cursor is None else b',"next_cursor":' + encode(encode_session_cursor(next_cursor))
    return b'{"sessions":[' + b",".join(slices) + b"]" + end + b"}"


def encode_session_cursor(cursor: SessionCursor) -> str:
    """The cursor as opaque text for clients."""
    microseconds = (cursor.created_at - _EPOCH) // timedelta(microseconds=1)
    return encode_position(f"{microseconds} {cursor.device_session_id}")


def encode_revoke_session(outcome: RevokeSessionOutcome, device_session_id: str) -> bytes:
    """The answer of `POST sessions/{id}/revoke`. A repeat affects no session."""
    return encode(
        {
            "outcome": outcome,
            "device_session_id": device_session_id,
            "affected_session_count": 1 if outcome == "revoked" else 0,
        }
    )


def encode_revoke_user_sessions(user_id: str, affected_device_session_ids: Sequence[str]) -> bytes:
    """The answer of `revoke-all`. Its outcome is `no_active_sessions` if it affected none."""
    return encode(
        {
            "outcome": "revoked" if affected_device_session_ids else "no_active_sessions",
            "user_id": user_id,
            "affected_session_count": len(affected_device_session_ids),
            "affected_device_session_ids": list(affected_device_session_ids),
        }
    )


def _session(session: SessionAnswer) -> dict[str, object]:
    shown: dict[str, object] = {
        "device_session_id": session.device_session_id,
        "user_id": session.user_id,
        "client_public_key": session.client_public_key,
        "status": "active" if session.revocation is None else "revoked",
        "created_at": encode_instant(session.created_at),
    }
    if session.revocation is not None:
        shown["revoked_at"] = encode_instant(session.revocation.revoked_at)
        shown["revoke_reason_code"] = session.revocation.reason_code
        shown["revoke_actor"] = encode_actor(session.revocation.actor_type, session.revocation.actor_id)
    return shown


def _decode_position(position: str) -> SessionCursor:
    microseconds, _, device_session_id = position.partition(" ")
    try:
        cursor = SessionCursor(_EPOCH + timedelta(microseconds=int(microseconds)), device_session_id)
        if f"{(cursor.created_at - _EPOCH) // timedelta(microseconds=1)} {device_session_id}" == position:
            return cursor
    except (ValueError, OverflowError):
        pass
    raise invalid_cursor()


def _read_status(parameters: Fields) -> SessionStatus | None:
    if "status" not in parameters:
        return None
    match read_text(parameters, "status"):
        case "active" | "revoked" as status:
            return status
        case _:
            raise invalid("status must be active or revoked")
