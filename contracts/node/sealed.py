"""Values that one node alone can read, such as its password for Redis (SPEC §16.9).

A value is sealed to the node's X25519 key by HPKE in base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
AES-256-GCM. The sealed bytes are the encapsulated key (32 bytes), the ciphertext and a tag of 16 bytes. Base mode does
not prove the sender, so the configuration keys sign every delivery.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Final, cast

from contracts.node.signed import Signature, read_base64, read_signatures, signature_fields
from contracts.strict_json import Fields, invalid, known_fields, read_count, read_text
from contracts.uvarint import length_prefixed

SUITE: Final = "hpke-base-x25519-hkdf-sha256-aes-256-gcm"
OVERHEAD_BYTES: Final = 32 + 16

_NAMES = frozenset({"suite", "key_generation", "bytes", "signatures"})


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed value. `key_generation` names the node's key that opens it. No part is secret."""

    key_generation: int
    value: bytes = field(repr=False)
    signatures: tuple[Signature, ...]


def sealed_frame(marker: bytes, *fields: str) -> bytes:
    """HPKE's `info`: the kind of the delivery and everything that it belongs to, each as uvarint length + bytes."""
    return length_prefixed(marker, *(text.encode() for text in fields))


def signed_part(frame: bytes, value: bytes) -> bytes:
    """The payload of the signatures: the frame and the SHA-256 of the sealed bytes."""
    return frame + hashlib.sha256(value).digest()


def sealed_fields(sealed: Sealed) -> dict[str, object]:
    """The JSON object `{"suite","key_generation","bytes","signatures"}`."""
    return {
        "suite": SUITE,
        "key_generation": sealed.key_generation,
        "bytes": base64.b64encode(sealed.value).decode("ascii"),
        "signatures": signature_fields(sealed.signatures),
    }


def read_sealed(value: object, path: str, most_bytes: int) -> Sealed:
    """The sealed value in a JSON object, of `most_bytes` in plain text. Raises `Refusal(INVALID_REQUEST)`."""
    if not isinstance(value, dict):
        raise invalid(f"{path} must be an object")
    fields = known_fields(cast("Fields", value), _NAMES, within=f"{path}.")
    if read_text(fields, "suite", within=f"{path}.") != SUITE:
        raise invalid(f"{path}.suite must be {SUITE}")
    return Sealed(
        read_count(fields, "key_generation", within=f"{path}."),
        read_base64(read_text(fields, "bytes", within=f"{path}."), most_bytes + OVERHEAD_BYTES, f"{path}.bytes"),
        read_signatures(fields, path),
    )
