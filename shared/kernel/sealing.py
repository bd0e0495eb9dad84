"""Sealing: bytes that only a holder of the key ring can read, bound to the row they belong to (SPEC §7.2, §10.9).

AES-256-GCM (NIST SP 800-38D) under a key derived by HKDF-SHA-256 (RFC 5869), so that a secret used elsewhere too never
meets the cipher itself. A sealed value is 12 random bytes of nonce, the ciphertext, 16 bytes of tag.
"""

from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.kernel.entropy import Entropy
from shared.kernel.keyring import Key, KeyRing

_NONCE_BYTES = 12
_AES_256_BYTES = 32
_PURPOSE = b"authsession-sealing-v1"


class Unsealable(Exception):
    """The key is gone, or these bytes were not sealed with it for this associated data."""


def seal(ring: KeyRing, plaintext: bytes, associated_data: bytes, entropy: Entropy) -> tuple[str, bytes]:
    """Seal with the newest key; returns its id and the sealed bytes. The associated data is not stored."""
    nonce = entropy.token_bytes(_NONCE_BYTES)
    return ring.newest.id, nonce + _cipher(ring.newest).encrypt(nonce, plaintext, associated_data)


def unseal(ring: KeyRing, key_id: str, sealed: bytes, associated_data: bytes) -> bytes:
    """The plaintext, or `Unsealable`."""
    key = ring.get(key_id)
    if key is None:
        raise Unsealable(f"no key {key_id} in the ring")
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return _cipher(key).decrypt(nonce, ciphertext, associated_data)
    except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
        raise Unsealable("sealed bytes were changed, or belong to another row") from None


@cache
def _cipher(key: Key) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=_AES_256_BYTES, salt=None, info=_PURPOSE).derive(key.secret))
