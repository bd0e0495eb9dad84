"""The keys of a node (SPEC §16.1): whether they are usable, and whether a proof is the new key's signature."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from contracts.node.join import NodeKeys
from shared.kernel.client_key import is_usable_ed25519

_ANY_SCALAR: Final = X25519PrivateKey.from_private_bytes(bytes(range(32)))
"""Clamping makes every scalar a multiple of 8, so a point of low order gives zero with any of them (RFC 7748 §6.1)."""


def are_proven(keys: NodeKeys, message: bytes, proof: bytes) -> bool:
    """Whether both keys are usable, and `proof` is the Ed25519 signature of the public key over `message`."""
    return are_usable(keys) and is_signed(keys.public_key, message, proof)


def are_usable(keys: NodeKeys) -> bool:
    """Whether no key is a point of low order, which would fit many messages or agree on a secret that all know."""
    return is_usable_ed25519(keys.public_key) and _is_usable_x25519(keys.encryption_key)


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the Ed25519 key made the signature (RFC 8032). False for a key that is off the curve."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return True


def _is_usable_x25519(raw: bytes) -> bool:
    try:
        _ANY_SCALAR.exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError:  # the shared secret is zero
        return False
    return True
