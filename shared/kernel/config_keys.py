"""The Ed25519 keys that sign what nodes receive: manifests and statements (SPEC §10.9).

A secret of the ring is the seed of a private key (RFC 8032 §5.1.5). Nodes know the public keys only, so a node can
verify and cannot forge.
"""

from collections.abc import Mapping
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.node.join import fingerprint_of
from contracts.node.signed import MAX_SIGNATURES, ConfigKey, Signature, signed_message
from shared.kernel.keyring import Key, KeyRing


class ConfigKeys(KeyRing):
    """Signs with every key, so that a node that trusts any of them accepts. Only `NO_CONFIG_KEYS` is empty."""

    __slots__ = ("_private_keys", "_public_keys")
    _HAS_EXACT_LENGTH: ClassVar[bool] = True
    _MOST: ClassVar[int | None] = MAX_SIGNATURES

    def __init__(self, keys: Mapping[str, Key]) -> None:
        super().__init__(keys)
        self._private_keys = {key.id: Ed25519PrivateKey.from_private_bytes(key.secret) for key in keys.values()}
        self._public_keys = tuple(
            ConfigKey(key_id, key.public_key().public_bytes_raw()) for key_id, key in self._private_keys.items()
        )

    def sign(self, marker: bytes, payload: bytes) -> tuple[Signature, ...]:
        """One signature of each key over marker and payload, the newest key first. Empty for an empty ring."""
        message = signed_message(marker, payload)
        return tuple(Signature(key_id, key.sign(message)) for key_id, key in self._private_keys.items())

    def public_keys(self) -> tuple[ConfigKey, ...]:
        """The keys as nodes know them, the newest first."""
        return self._public_keys

    def fingerprint(self) -> str:
        """The fingerprint of the newest key, as join strings name it. The ring must not be empty."""
        newest, *_ = self._public_keys
        return fingerprint_of(newest.public_key)


NO_CONFIG_KEYS = ConfigKeys({})
"""Stands in for a ring that is not set. It can sign nothing."""
