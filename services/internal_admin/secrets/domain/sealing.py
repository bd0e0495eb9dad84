"""How a value is sealed at rest (SPEC §17.1).

Every version has a random data key. The value is sealed under the data key, and the data key under the newest key of
`AUTHSESSION_SECRET_KEYS`. Both are bound to their place, so that rows which were swapped cannot be opened. A new key of
the ring wraps data keys anew and makes no plain text.
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.uvarint import length_prefixed
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable, seal, unseal

MAX_VALUE_BYTES: Final = 64 * 1024

_VALUE_MARKER = b"authsession-secret-v1"
_KEY_MARKER = b"authsession-secret-key-v1"
_DATA_KEY_BYTES = 32
_NONCE_BYTES = 12
_LENGTH_BYTES = 4
_PADDED_TO = 64


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """The version that a value belongs to. `scope_id` is empty for the installation."""

    secret_id: str
    scope_kind: str
    scope_id: str
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class SealedVersion:
    """The columns of one version. `key_id` names the key of the ring that wraps the data key."""

    key_id: str
    wrapped_key: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


def seal_value(ring: KeyRing, place: SecretPlace, value: bytes, entropy: Entropy) -> SealedVersion:
    """Seal a value of at most 64 KiB under the newest key. `ring` is not empty.

    The ciphertext tells the length of the value in steps of 64 bytes only.
    """
    data_key, nonce = entropy.token_bytes(_DATA_KEY_BYTES), entropy.token_bytes(_NONCE_BYTES)
    ciphertext = nonce + AESGCM(data_key).encrypt(nonce, _padded(value), _value_frame(place))
    frame = _key_frame(place.secret_id, place.version, ring.newest.id)
    key_id, wrapped_key = seal(ring, data_key, frame, entropy)
    return SealedVersion(key_id, wrapped_key, ciphertext)


def open_value(ring: KeyRing, place: SecretPlace, sealed: SealedVersion) -> bytes:
    """The value. Raises `Unsealable` if the key is gone, or if the row is not the one that was sealed."""
    data_key = _data_key(ring, place.secret_id, place.version, sealed)
    nonce, ciphertext = sealed.ciphertext[:_NONCE_BYTES], sealed.ciphertext[_NONCE_BYTES:]
    try:
        padded = AESGCM(data_key).decrypt(nonce, ciphertext, _value_frame(place))
    except (InvalidTag, ValueError):  # ValueError: the nonce is too short
        raise Unsealable("sealed bytes were changed, or belong to another row") from None
    length = int.from_bytes(padded[:_LENGTH_BYTES])
    return padded[_LENGTH_BYTES : _LENGTH_BYTES + length]


def rewrap(ring: KeyRing, secret_id: str, version: int, sealed: SealedVersion, entropy: Entropy) -> SealedVersion:
    """The same value, with its data key wrapped by the newest key. Raises `Unsealable`."""
    data_key = _data_key(ring, secret_id, version, sealed)
    key_id, wrapped_key = seal(ring, data_key, _key_frame(secret_id, version, ring.newest.id), entropy)
    return SealedVersion(key_id, wrapped_key, sealed.ciphertext)


def _data_key(ring: KeyRing, secret_id: str, version: int, sealed: SealedVersion) -> bytes:
    return unseal(ring, sealed.key_id, sealed.wrapped_key, _key_frame(secret_id, version, sealed.key_id))


def _padded(value: bytes) -> bytes:
    framed = len(value).to_bytes(_LENGTH_BYTES) + value
    return framed + bytes(-len(framed) % _PADDED_TO)


def _value_frame(place: SecretPlace) -> bytes:
    texts = (place.secret_id, place.scope_kind, place.scope_id, place.name, str(place.version))
    return length_prefixed(_VALUE_MARKER, *(text.encode() for text in texts))


def _key_frame(secret_id: str, version: int, key_id: str) -> bytes:
    return length_prefixed(_KEY_MARKER, secret_id.encode(), str(version).encode(), key_id.encode())
