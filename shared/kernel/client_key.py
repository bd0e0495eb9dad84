"""The device's Ed25519 public key (SPEC §2.2), and the proof that the device holds the private key (§3.9)."""

import base64
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.signed_request import decode_base64
from contracts.uvarint import length_prefixed

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_FIELD_PRIME = 2**255 - 19
_SIGN_BIT = 1 << 255
_PROOF_MARKER = b"authsession-confirm-v1"

# The y coordinates of the eight points whose order divides 8 (RFC 7748 §7). A signature by such a key fits many
# messages. Both sign bits are refused, also where x is 0 and only one is canonical.
# Test: test_no_small_order_point_is_a_key.
_ORDER_8_Y = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y = frozenset({0, 1, _FIELD_PRIME - 1, _ORDER_8_Y, _FIELD_PRIME - _ORDER_8_Y})


@dataclass(frozen=True, slots=True)
class ClientPublicKey:
    """32 bytes in the encoding of a point by RFC 8032 §5.1.2. The point need not be on the curve."""

    raw: bytes = field(repr=False)

    @property
    def base64(self) -> str:
        """Padded standard base64, exactly the text that was registered."""
        return base64.b64encode(self.raw).decode("ascii")


def parse_client_public_key(text: str) -> ClientPublicKey:
    """Parse padded standard base64 of 32 bytes. Raises `ValueError` for another form, y ≥ 2^255-19 or small order."""
    raw = decode_base64(text, _KEY_BYTES)
    if not is_usable_ed25519(raw):
        raise ValueError("not a usable Ed25519 public key")
    return ClientPublicKey(raw)


def is_usable_ed25519(raw: bytes) -> bool:
    """Whether the 32 bytes are the encoding of a point by its y < 2^255-19, and not of small order."""
    y = int.from_bytes(raw, "little") & ~_SIGN_BIT
    return y < _FIELD_PRIME and y not in _SMALL_ORDER_Y


def verify_client_key_proof(key: ClientPublicKey, host: str, challenge_id: str, code: str, proof_base64: str) -> bool:
    """Whether the proof is `key`'s Ed25519 signature (RFC 8032) over `client_key_proof_message`.

    `host` is in lower case and has no port. False too for a proof that is not base64 of 64 bytes, a key that is not on
    the curve, or a field with a lone surrogate. It never raises.
    """
    try:
        signature = decode_base64(proof_base64, _SIGNATURE_BYTES)
        message = client_key_proof_message(host, challenge_id, code)
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return True


def client_key_proof_message(host: str, challenge_id: str, code: str) -> bytes:
    """The bytes that a proof signs: marker, host, challenge id and code.

    Each field is its length as a uvarint and its bytes, so that no two lists of fields give the same message.
    """
    return length_prefixed(_PROOF_MARKER, host.encode(), challenge_id.encode(), code.encode())
