"""How a value is sealed at rest (SPEC §17.1).

Every version has a random data key. The value is sealed under the data key, and the data key under the newest key of
`AUTHSESSION_SECRET_KEYS`. Both are bound to their place, so that a row which was swapped or renamed can neither be
opened nor wrapped anew. A new key of the ring wraps data keys anew and makes no plain text.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.uvarint import length_prefixed
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable, seal, unseal

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
class WrappedKey:
    """The data key of one version. `key_id` names the key of the ring that wraps it."""

    key_id: str
    wrapped_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedVersion(WrappedKey):
    """The sealed columns of one version."""

    ciphertext: bytes = field(repr=False)


def seal_value(ring: KeyRing, place: SecretPlace, value: bytes, entropy: Entropy) -> SealedVersion:
    """Seal a value of at most 64 KiB under the newest key. `ring` is not empty.

    The ciphertext tells the length of the value in steps of 64 bytes only.
    """
    data_key, nonce = entropy.token_bytes(_DATA_KEY_BYTES), entropy.token_bytes(_NONCE_BYTES)
    ciphertext = nonce + AESGCM(data_key).encrypt(nonce, _padded(value), _value_frame(place))
    key_id, wrapped_key = seal(ring, data_key, _key_frame(place, ring.newest.id), entropy)
    return SealedVersion(key_id, wrapped_key, ciphertext)


def open_value(ring: KeyRing, place: SecretPlace, sealed: SealedVersion) -> bytes:
    """The value. Raises `Unsealable` if the key is gone, or if the row is not the one that was sealed."""
    data_key = _data_key(ring, place, sealed)
    nonce, ciphertext = sealed.ciphertext[:_NONCE_BYTES], sealed.ciphertext[_NONCE_BYTES:]
    try:
        padded = AESGCM(data_key).decrypt(nonce, ciphertext, _value_frame(place))
    except (InvalidTag, ValueError):  # ValueError: the nonce is too short
        raise Unsealable("sealed bytes were changed, or belong to another row") from None
    length = int.from_bytes(padded[:_LENGTH_BYTES])
    return padded[_LENGTH_BYTES : _LENGTH_BYTES + length]


def rewrap(ring: KeyRing, place: SecretPlace, sealed: WrappedKey, entropy: Entropy) -> WrappedKey:
    """The same data key under the newest key. Raises `Unsealable` if the row is not the one that was sealed."""
    data_key = _data_key(ring, place, sealed)
    return WrappedKey(*seal(ring, data_key, _key_frame(place, ring.newest.id), entropy))


def _data_key(ring: KeyRing, place: SecretPlace, sealed: WrappedKey) -> bytes:
    return unseal(ring, sealed.key_id, sealed.wrapped_key, _key_frame(place, sealed.key_id))


def _padded(value: bytes) -> bytes:
    framed = len(value).to_bytes(_LENGTH_BYTES) + value
    return framed + bytes(-len(framed) % _PADDED_TO)


def _value_frame(place: SecretPlace) -> bytes:
    return length_prefixed(_VALUE_MARKER, *_fields(place))


def _key_frame(place: SecretPlace, key_id: str) -> bytes:
    return length_prefixed(_KEY_MARKER, *_fields(place), key_id.encode())


def _fields(place: SecretPlace) -> tuple[bytes, ...]:
    texts = (place.secret_id, place.scope_kind, place.scope_id, place.name, str(place.version))
    return tuple(text.encode() for text in texts)
