"""Decisions: whether a signed request is that of an active node (SPEC §16.2). The order of the checks is contract."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from contracts.envelope_signature import is_signed_by
from contracts.errors import ErrorCode
from contracts.node.join import NodeStatus
from contracts.signed_request import Envelope, RequestRefusal

WINDOW = timedelta(seconds=30)
"""The largest difference between the time in an envelope and that of Postgres, in both directions."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BY_STATUS = {"pending": ErrorCode.NODE_NOT_APPROVED, "revoked": ErrorCode.NODE_REVOKED}
_BY_FORM = {
    RequestRefusal.UNSUPPORTED_PROTOCOL_VERSION: ErrorCode.UNSUPPORTED_PROTOCOL_VERSION,
    RequestRefusal.INVALID_ENVELOPE: ErrorCode.INVALID_ENVELOPE,
}


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A key that may sign for a node at the moment."""

    generation: int
    public_key: bytes = field(repr=False)
    encryption_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node as it was at `read_at`, by the clock of Postgres. `keys` are those valid then: one, or two in a change."""

    node_id: str
    pool: str
    node_name: str
    status: NodeStatus
    keys: tuple[NodeKey, ...]
    read_at: datetime


def refusal_of_form(refusal: RequestRefusal) -> ErrorCode:
    """The code for headers that are no envelope."""
    return _BY_FORM[refusal]


def refusal_of_status(node: KnownNode | None) -> ErrorCode | None:
    """Why this node may not call; None: it may."""
    return ErrorCode.NODE_UNKNOWN if node is None else _BY_STATUS.get(node.status)


def key_of(envelope: Envelope, message_type: str, body: bytes, node: KnownNode) -> NodeKey | ErrorCode:
    """The key that signed the request just now, or the reason to refuse it. A replay is not looked for."""
    if not hmac.compare_digest(hashlib.sha256(body).digest(), envelope.payload_hash):
        return ErrorCode.PAYLOAD_HASH_MISMATCH
    key = _signing_key(envelope, message_type, node.keys)
    if key is None:
        return ErrorCode.INVALID_SIGNATURE
    if abs(node.read_at - _EPOCH - timedelta(milliseconds=envelope.timestamp_ms)) > WINDOW:
        return ErrorCode.TIMESTAMP_OUT_OF_WINDOW
    return key


def _signing_key(envelope: Envelope, message_type: str, keys: Iterable[NodeKey]) -> NodeKey | None:
    return next((key for key in keys if is_signed_by(key.public_key, envelope, message_type)), None)
