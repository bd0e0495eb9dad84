"""Whether a key signed an envelope (SPEC §6.5). Gateways, the node API and self-service ask here."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.signed_request import Envelope, signed_bytes


def is_signed_by(public_key: bytes, envelope: Envelope, message_type: str) -> bool:
    """Whether the Ed25519 key signed this envelope for this message type (RFC 8032). False for a key off the curve.

    The payload hash is a claim of the envelope: the caller compares it with the body.
    """
    try:
        message = signed_bytes(
            device_session_id=envelope.device_session_id,
            message_type=message_type,
            timestamp_ms=envelope.timestamp_ms,
            request_id=envelope.request_id,
            payload_hash=envelope.payload_hash,
        )
        Ed25519PublicKey.from_public_bytes(public_key).verify(envelope.signature, message)
    except (ValueError, OverflowError, InvalidSignature):  # no point, no text in UTF-8; no time of eight bytes; forged
        return False
    return True
