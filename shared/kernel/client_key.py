"""Kernel: the device's Ed25519 public key (SPEC §2.2), and the proof that its owner holds the private half (§3.9)."""

import base64
import binascii
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.uvarint import length_prefixed

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_FIELD_PRIME = 2**255 - 19
_SIGN_BIT = 1 << 255
_PROOF_MARKER = b"authsession-confirm-v1"

# y of the eight points whose order divides 8 (RFC 7748 §7): signatures "by" such a key verify for many messages.
# Either sign bit, also where x is 0 and only one of them is canonical. Guard: test_no_small_order_point_is_a_key.
_ORDER_8_Y = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y = frozenset({0, 1, _FIELD_PRIME - 1, _ORDER_8_Y, _FIELD_PRIME - _ORDER_8_Y})


@dataclass(frozen=True, slots=True)
class ClientPublicKey:
    """32 bytes as RFC 8032 §5.1.2 encodes a point. It need not be on the curve: the seed's key is not."""

    raw: bytes = field(repr=False)

    @property
    def base64(self) -> str:
        """Padded standard base64, exactly as it was registered."""
        return base64.b64encode(self.raw).decode("ascii")


def parse_client_public_key(text: str) -> ClientPublicKey:
    """Padded standard base64 of 32 bytes with y < 2^255-19 that is no small-order point; else `ValueError`."""
    raw = _strict_base64(text, _KEY_BYTES)
    y = int.from_bytes(raw, "little") & ~_SIGN_BIT
    if y >= _FIELD_PRIME or y in _SMALL_ORDER_Y:
        raise ValueError("not a usable Ed25519 public key")
    return ClientPublicKey(raw)


def verify_client_key_proof(key: ClientPublicKey, host: str, challenge_id: str, code: str, proof_base64: str) -> bool:
    """Whether the proof is `key`'s signature over marker, host (lower case, no port), challenge id and code.

    A proof that is not base64 of 64 bytes, a key that is not on the curve, or a lone surrogate in a field is wrong.
    """
    try:
        signature = _strict_base64(proof_base64, _SIGNATURE_BYTES)
        message = client_key_proof_message(host, challenge_id, code)
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return True


def client_key_proof_message(host: str, challenge_id: str, code: str) -> bytes:
    """What a proof signs: four fields, each as uvarint length + bytes, so that no two field lists look alike."""
    return length_prefixed(_PROOF_MARKER, host.encode(), challenge_id.encode(), code.encode())


def _strict_base64(text: str, count: int) -> bytes:
    """Exactly `count` bytes in canonical form: encode and compare, as `b64decode` accepts non-zero unused bits."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not padded standard base64") from None
    if len(raw) != count or base64.b64encode(raw).decode("ascii") != text:
        raise ValueError(f"not padded standard base64 of {count} bytes")
    return raw
