"""Self-service (SPEC §20): a device lists, ends and names sessions of its own user, by signed requests.

The target of an order is read from the message type and the body that the device signed, and from nowhere else. Both
processes read it with `read_order`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from contracts.device_label import read_label
from contracts.encoding import encode
from contracts.errors import ErrorCode, Refusal
from contracts.instant import encode_instant
from contracts.strict_json import decode_object, invalid, known_fields

SESSIONS_PATH: Final = "/api/v1/public/device-sessions"
SESSION_PATH: Final = SESSIONS_PATH + "/{device_session_id}"
REVOKE_OTHERS_PATH: Final = SESSIONS_PATH + "/revoke-others"
CURRENT_PATH: Final = SESSIONS_PATH + "/current"

WINDOW: Final = timedelta(seconds=30)
"""The largest difference between the signed time and the receipt of the request, in both directions."""
MAX_ORDER_BODY_BYTES: Final = 1024
MAX_LISTED_SESSIONS: Final = 200
ORDERS_CHANNEL: Final = "authsession_session_orders"
"""The channel of Postgres on which the public process tells of a filed order."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DELETE = f"DELETE {SESSIONS_PATH}/"
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_LABEL_NAMES = frozenset({"label"})


@dataclass(frozen=True, slots=True)
class RevokeSession:
    """Ends one session of the signer's user. Its own id is a log-out."""

    device_session_id: str


@dataclass(frozen=True, slots=True)
class RevokeOthers:
    """Ends every session of the signer's user but the signer's."""


@dataclass(frozen=True, slots=True)
class NameSession:
    """Gives the signer's session another name."""

    label: str


Order: TypeAlias = RevokeSession | RevokeOthers | NameSession


class OrderOutcome(StrEnum):
    """The results of an order: the words of `session_orders.outcome`."""

    REVOKED = "revoked"
    ALREADY_REVOKED = "already_revoked"
    NO_ACTIVE_SESSIONS = "no_active_sessions"
    """`revoke-others` found no other session."""
    NAMED = "named"
    SESSION_NOT_FOUND = "session_not_found"
    """No session of the signer's user has the id."""
    SESSION_REVOKED = "session_revoked"
    """The signer's session had ended before the order was carried out."""
    TIMESTAMP_OUT_OF_WINDOW = "timestamp_out_of_window"
    """The proof is valid, but was too old or too new when the order was received."""
    NOTICE_EXPIRED = "notice_expired"
    REFUSED = "refused"
    """The proof is not valid. The public process files no such order."""


REFUSED_BY_OUTCOME: Final = {
    OrderOutcome.SESSION_NOT_FOUND: ErrorCode.SESSION_NOT_FOUND,
    OrderOutcome.SESSION_REVOKED: ErrorCode.SESSION_REVOKED,
    OrderOutcome.TIMESTAMP_OUT_OF_WINDOW: ErrorCode.TIMESTAMP_OUT_OF_WINDOW,
    OrderOutcome.NOTICE_EXPIRED: ErrorCode.NOTICE_EXPIRED,
    OrderOutcome.REFUSED: ErrorCode.INVALID_SIGNATURE,
}
"""The error code that answers an order with this outcome. The other outcomes are answered with 200."""


@dataclass(frozen=True, slots=True)
class ListedSession:
    """One active session as its user sees it. `last_seen_on` is the day, in UTC, of the last use that a node told."""

    device_session_id: str
    label: str | None
    created_at: datetime
    last_seen_on: date | None
    is_current: bool


def read_order(message_type: str, body: bytes) -> Order:
    """The order in a signed request: `METHOD target` as the device signed it, and the body.

    Raises `Refusal`, and nothing else: `session_not_found` for a target that can be no id of a session, else
    `invalid_request`. Only the plain spelling of a path is an order: no query, nothing percent-encoded.
    """
    if message_type == f"POST {REVOKE_OTHERS_PATH}":
        _check_no_body(body)
        return RevokeOthers()
    if message_type == f"PATCH {CURRENT_PATH}":
        return NameSession(decode_label(body))
    if message_type.startswith(_DELETE):
        return _read_revocation(message_type.removeprefix(_DELETE), body)
    raise invalid("the path must be spelled plainly, as the HTTP API writes it")


def is_fresh(timestamp_ms: int, at: datetime) -> bool:
    """Whether the time that a device signed is within the window around the instant."""
    return abs((at - _EPOCH) // _MILLISECOND - timestamp_ms) <= WINDOW // _MILLISECOND


def decode_label(body: bytes) -> str:
    """The body of `PATCH current`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    _check_size(body)
    return read_label(known_fields(decode_object(body), _LABEL_NAMES), "label")


def encode_listed_sessions(sessions: Iterable[ListedSession]) -> bytes:
    """The answer of the list. An optional value that is not known has no field."""
    return encode({"device_sessions": [_listed(session) for session in sessions]})


def encode_revoked(outcome: OrderOutcome, device_session_id: str) -> bytes:
    """The answer of `DELETE`: `revoked` or `already_revoked`."""
    return encode({"outcome": outcome.value, "device_session_id": device_session_id})


def encode_others_revoked(outcome: OrderOutcome, session_count: int) -> bytes:
    """The answer of `revoke-others`: `revoked` or `no_active_sessions`."""
    return encode({"outcome": outcome.value, "affected_session_count": session_count})


def encode_named(outcome: OrderOutcome, device_session_id: str, label: str) -> bytes:
    """The answer of `PATCH current`: `named`, with the label as it is kept."""
    return encode({"outcome": outcome.value, "device_session_id": device_session_id, "label": label})


def _read_revocation(target: str, body: bytes) -> RevokeSession:
    if not _SESSION_ID.fullmatch(target):
        raise Refusal(ErrorCode.SESSION_NOT_FOUND)
    _check_no_body(body)
    return RevokeSession(target)


def _check_no_body(body: bytes) -> None:
    if body:
        raise invalid("body must be empty")


def _check_size(body: bytes) -> None:
    if len(body) > MAX_ORDER_BODY_BYTES:
        raise invalid(f"body must have at most {MAX_ORDER_BODY_BYTES} bytes")


def _listed(session: ListedSession) -> dict[str, object]:
    shown: dict[str, object] = {"device_session_id": session.device_session_id}
    if session.label is not None:
        shown["label"] = session.label
    shown["created_at"] = encode_instant(session.created_at)
    if session.last_seen_on is not None:
        shown["last_seen_on"] = session.last_seen_on.isoformat()
    shown["is_current"] = session.is_current
    return shown
