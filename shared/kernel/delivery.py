"""Delivers a secret to one node: sealed to its key, and signed, because sealing proves no sender (SPEC §16.9)."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from contracts.node.sealed import Sealed, signed_part
from shared.kernel.config_keys import ConfigKeys

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def seal_to_node(
    secret: bytes, *, encryption_key: bytes, key_generation: int, marker: bytes, frame: bytes, keys: ConfigKeys
) -> Sealed:
    """The secret as only the owner of `encryption_key` can read it, and only in the place that `frame` names.

    `encryption_key` is a usable X25519 key, the node's in this generation. `keys` must not be empty.
    """
    value = _SUITE.encrypt(secret, X25519PublicKey.from_public_bytes(encryption_key), frame)
    return Sealed(key_generation, value, keys.sign(marker, signed_part(frame, value)))
