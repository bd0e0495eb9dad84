"""The decision about an order of self-service (SPEC §20.2). An order is believed for its proof, never for its author.

The public process writes orders, and it may be in other hands. So nothing of an order may raise here.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from contracts.agent_id import is_agent_id
from contracts.envelope_signature import is_signed_by
from contracts.errors import ErrorCode, Refusal
from contracts.self_service import NameSession, OrderOutcome, RevokeOthers, RevokeSession, is_fresh, read_order
from contracts.signed_request import Envelope

NOTICE_LIFE: Final = timedelta(days=30)

LOGOUT: Final = "user_logout"
REVOKED_DEVICE: Final = "user_revoked_device"
DENIED_LOGIN: Final = "user_denied_login"

_TIMESTAMPS = range(2**63)
"""The times that the signed bytes can carry and a column can hold."""


class Flaw(StrEnum):
    """Why an order is refused, for the audit trail. The public process files no order with a flaw."""

    SESSION_UNKNOWN = "session_unknown"
    INVALID_SIGNATURE = "invalid_signature"
    NO_ORDER = "no_order"
    """The device signed something else."""
    UNSTORABLE = "unstorable"
    """Postgres refuses a value of the order."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The proof by a device's key, as the columns of the order have it."""

    device_session_id: str
    request_id: str
    message_type: str
    timestamp_ms: int
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoticeToken:
    """The proof by the token of a notice. `everything`: all sessions of the user end, else the notice's one."""

    everything: bool


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it was filed. `session_count` is the number of sessions that earlier transactions ended, or None.

    `network` and `http_request_id` are those of the request that brought it, as the public process says.
    """

    order_id: int
    proof: SignedRequest | NoticeToken
    received_at: datetime
    session_count: int | None
    network: str
    http_request_id: str


@dataclass(frozen=True, slots=True)
class Signer:
    """The session that a signed order names. `is_live`: neither revoked nor past `session_max_age`."""

    user_id: str
    public_key: bytes = field(repr=False)
    is_live: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice that a token belongs to."""

    device_session_id: str
    user_id: str
    created_at: datetime
    is_used: bool


@dataclass(frozen=True, slots=True)
class EndSession:
    """End one session, if it is a session of the user."""

    user_id: str
    device_session_id: str
    reason_code: str


@dataclass(frozen=True, slots=True)
class EndSessions:
    """End the sessions that the user had when the order was received, except `kept`."""

    user_id: str
    kept: str | None
    reason_code: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the signer's session a label."""

    user_id: str
    device_session_id: str
    label: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Change nothing, and answer so."""

    outcome: OrderOutcome


@dataclass(frozen=True, slots=True)
class Refuse:
    """Change nothing: the proof is not valid."""

    flaw: Flaw


Decision: TypeAlias = EndSession | EndSessions | Rename | Settle | Refuse


def decide(order: Order, signer: Signer | None, notice: Notice | None) -> Decision:
    """Decide about an order. `signer` is the session that it names, `notice` that of its token, if there is one.

    It is asked while the row of the user's address is locked, so that both stay as they are.
    """
    if isinstance(order.proof, NoticeToken):
        return _decide_by_token(order, order.proof, notice)
    return _decide_by_signature(order, order.proof, signer)


def _decide_by_signature(order: Order, request: SignedRequest, signer: Signer | None) -> Decision:
    if signer is None or is_agent_id(signer.user_id):
        return Refuse(Flaw.SESSION_UNKNOWN)
    if not _is_signed(request, signer.public_key):
        return Refuse(Flaw.INVALID_SIGNATURE)
    if not is_fresh(request.timestamp_ms, order.received_at):
        return Settle(OrderOutcome.TIMESTAMP_OUT_OF_WINDOW)
    if not signer.is_live and order.session_count is None:  # a begun order is finished also when its signer has ended
        return Settle(OrderOutcome.SESSION_REVOKED)
    return _decide_content(request, signer.user_id)


def _decide_content(request: SignedRequest, user_id: str) -> Decision:
    own = request.device_session_id
    try:
        asked = read_order(request.message_type, request.body)
    except Refusal as refusal:
        if refusal.code is ErrorCode.SESSION_NOT_FOUND:
            return Settle(OrderOutcome.SESSION_NOT_FOUND)
        return Refuse(Flaw.NO_ORDER)
    match asked:
        case RevokeSession(target):
            return EndSession(user_id, target, LOGOUT if target == own else REVOKED_DEVICE)
        case RevokeOthers():
            return EndSessions(user_id, own, REVOKED_DEVICE)
        case NameSession(label):
            return Rename(user_id, own, label)


def _decide_by_token(order: Order, token: NoticeToken, notice: Notice | None) -> Decision:
    if notice is None or order.received_at > notice.created_at + NOTICE_LIFE:
        return Settle(OrderOutcome.NOTICE_EXPIRED)
    if notice.is_used:
        return Settle(OrderOutcome.ALREADY_REVOKED)
    if token.everything:
        return EndSessions(notice.user_id, None, DENIED_LOGIN)
    return EndSession(notice.user_id, notice.device_session_id, DENIED_LOGIN)


def _is_signed(request: SignedRequest, public_key: bytes) -> bool:
    """Whether the key signed exactly this message type, time, id and body."""
    if request.timestamp_ms not in _TIMESTAMPS:
        return False
    envelope = Envelope(
        request.device_session_id,
        request.timestamp_ms,
        request.request_id,
        hashlib.sha256(request.body).digest(),
        request.signature,
    )
    return is_signed_by(public_key, envelope, request.message_type)
