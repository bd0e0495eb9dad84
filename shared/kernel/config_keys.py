"""The Ed25519 keys that sign what nodes receive: manifests and statements (SPEC §10.9).

A secret of the ring is the seed of a private key (RFC 8032 §5.1.5). Nodes know the public keys only, so a node can
verify and cannot forge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.uvarint import length_prefixed
from shared.kernel.keyring import Key, KeyRing

_FINGERPRINT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Signature:
    """An Ed25519 signature of 64 bytes, and the id of the key that made it."""

    key_id: str
    signature: bytes


class ConfigKeys(KeyRing):
    """Signs with every key, so that a node that trusts any of them accepts. Only `NO_CONFIG_KEYS` is empty."""

    __slots__ = ("_private_keys", "_public_keys")
    _HAS_EXACT_LENGTH: ClassVar[bool] = True

    def __init__(self, keys: Mapping[str, Key]) -> None:
        super().__init__(keys)
        self._private_keys = {key.id: Ed25519PrivateKey.from_private_bytes(key.secret) for key in keys.values()}
        self._public_keys = tuple(
            (key_id, key.public_key().public_bytes_raw()) for key_id, key in self._private_keys.items()
        )

    def sign(self, marker: bytes, payload: bytes) -> tuple[Signature, ...]:
        """One signature of each key over marker and payload, the newest key first. Empty for an empty ring."""
        message = length_prefixed(marker, payload)
        return tuple(Signature(key_id, key.sign(message)) for key_id, key in self._private_keys.items())

    def public_keys(self) -> tuple[tuple[str, bytes], ...]:
        """The id and the 32 public bytes of each key, the newest key first."""
        return self._public_keys

    def fingerprint(self) -> bytes:
        """The 16 bytes by which a join string names the newest public key. The ring must not be empty."""
        (_, newest), *_ = self._public_keys
        return fingerprint_of(newest)


def fingerprint_of(public_key: bytes) -> bytes:
    """The first 16 bytes of SHA-256 of a public key."""
    return sha256(public_key).digest()[:_FINGERPRINT_BYTES]


NO_CONFIG_KEYS = ConfigKeys({})
"""Stands in for a ring that is not set. It can sign nothing."""
