"""Keys that the ring gives besides the wrapping of data keys: for values that arrive sealed, and for kept requests.

HKDF-SHA-256 (RFC 5869) derives each with a purpose of its own, so that no key serves twice.
"""

import hashlib
import hmac
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contracts.control_plane.secrets import SealedValue, value_frame
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.secrets.domain.secret import SecretScope
from shared.kernel.keyring import Key, KeyRing

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SUBMISSION = b"authsession-secret-submission-v1"
_DIGEST = b"authsession-secret-request-v1"
_KEY_BYTES = 32


class Unopenable(Exception):
    """The value was sealed to no key of the ring, or for another scope or name."""


def public_key(ring: KeyRing) -> tuple[str, bytes]:
    """The id of the newest key, and the X25519 key that values are sealed to. `ring` is not empty."""
    return ring.newest.id, _private_key(ring.newest).public_key().public_bytes_raw()


def open_submitted(ring: KeyRing, scope: SecretScope, name: str, value: SealedValue) -> bytes:
    """The value that arrived sealed. Raises `Unopenable`."""
    key = ring.get(value.key_id)
    if key is None:
        raise Unopenable
    try:
        return _SUITE.decrypt(value.sealed, _private_key(key), value_frame(key.id, scope.kind, scope.id, name))
    except (InvalidTag, ValueError):  # ValueError: too short, or no usable point
        raise Unopenable from None


def request_digests(ring: KeyRing, request: bytes) -> tuple[bytes, ...]:
    """The digests of a request that holds a value: under the newest key first, then under the older ones.

    A plain hash beside the other rows would let a reader of the database guess a weak value. An empty ring raises
    `Refusal(SECRET_KEYS_MISSING)`.
    """
    if not len(ring):
        raise Refusal(ErrorCode.SECRET_KEYS_MISSING)
    return tuple(hmac.digest(_derived(key, _DIGEST), request, hashlib.sha256) for key in ring)


@cache
def _private_key(key: Key) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_derived(key, _SUBMISSION))


@cache
def _derived(key: Key, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose).derive(key.secret)
