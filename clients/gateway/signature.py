"""Ed25519 signatures over `contracts.signed_request.signed_bytes`: gateways verify them, apps and tests make them."""

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.envelope_signature import is_signed_by
from contracts.signed_request import Envelope, decode_base64, signed_bytes

_KEY_BYTES = 32


def is_signed(envelope: Envelope, message_type: str, client_public_key: str) -> bool:
    """Whether the key signed this envelope for this message type (RFC 8032). False for a key that is off the curve."""
    try:
        key = decode_base64(client_public_key, _KEY_BYTES)
    except ValueError:
        return False
    return is_signed_by(key, envelope, message_type)


@dataclass(frozen=True, slots=True)
class Signer:
    """A device session with its private key."""

    device_session_id: str
    private_key: Ed25519PrivateKey = field(repr=False)

    @property
    def client_public_key(self) -> str:
        """The public key as padded standard base64, the form in which a login registers it."""
        return base64.b64encode(self.private_key.public_key().public_bytes_raw()).decode("ascii")

    def sign(self, message_type: str, body: bytes, *, timestamp_ms: int, request_id: str) -> Envelope:
        """The envelope of one request. Each request, even a repeated one, needs a new `request_id`: 128 random bits."""
        payload_hash = hashlib.sha256(body).digest()
        message = signed_bytes(
            device_session_id=self.device_session_id,
            message_type=message_type,
            timestamp_ms=timestamp_ms,
            request_id=request_id,
            payload_hash=payload_hash,
        )
        signature = self.private_key.sign(message)
        return Envelope(self.device_session_id, timestamp_ms, request_id, payload_hash, signature)
