"""The decision about a signed request of self-service (SPEC §20.1). Pure. The order of the checks is contract."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime

from contracts.agent_id import is_agent_id
from contracts.envelope_signature import is_signed_by
from contracts.errors import ErrorCode
from contracts.self_service import is_fresh
from contracts.signed_request import Envelope


@dataclass(frozen=True, slots=True)
class FiledOrder:
    """An order that stands under the request id of this request."""

    order_id: int
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signer:
    """The session that a request names, as it was at `read_at` by the clock of Postgres."""

    device_session_id: str
    user_id: str
    client_public_key: bytes = field(repr=False)
    is_active: bool
    """Neither revoked, nor older than `session_max_age`."""
    read_at: datetime
    filed: FiledOrder | None


@dataclass(frozen=True, slots=True)
class Proved:
    """The session signed the request just now, and never filed an order under its request id."""

    signer: Signer


@dataclass(frozen=True, slots=True)
class Repeated:
    """The exact repeat of an order that stands. Its outcome answers it, also when the session has ended since."""

    signer: Signer
    order_id: int


def judge(envelope: Envelope, message_type: str, body: bytes, signer: Signer | None) -> Proved | Repeated | ErrorCode:
    """Whether the request is the session's, or why it is refused. Sessions of agents are nobody's to end here."""
    if signer is None or is_agent_id(signer.user_id):
        return ErrorCode.SESSION_UNKNOWN
    filed = signer.filed
    is_repeat = filed is not None and hmac.compare_digest(filed.signature, envelope.signature)
    if not signer.is_active and not is_repeat:
        return ErrorCode.SESSION_REVOKED
    refused = _refused_proof(envelope, message_type, body, signer)
    if refused is not None:
        return refused
    if filed is not None and is_repeat:
        return Repeated(signer, filed.order_id)
    if not is_fresh(envelope.timestamp_ms, signer.read_at):
        return ErrorCode.TIMESTAMP_OUT_OF_WINDOW
    return Proved(signer) if filed is None else ErrorCode.REQUEST_REPLAYED


def _refused_proof(envelope: Envelope, message_type: str, body: bytes, signer: Signer) -> ErrorCode | None:
    if not hmac.compare_digest(hashlib.sha256(body).digest(), envelope.payload_hash):
        return ErrorCode.PAYLOAD_HASH_MISMATCH
    if not is_signed_by(signer.client_public_key, envelope, message_type):
        return ErrorCode.INVALID_SIGNATURE
    return None
