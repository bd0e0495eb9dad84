"""Sealing: encryption that only the key ring can undo, and that binds a value to its row (SPEC §7.2, §10.9).

The cipher is AES-256-GCM (NIST SP 800-38D). HKDF-SHA-256 (RFC 5869) derives its key, so that the cipher never uses a
secret that also serves elsewhere. A sealed value is a nonce of 12 random bytes, the ciphertext and a tag of 16 bytes.
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
    """The key is gone, or the bytes were not sealed with that key for this associated data."""


def seal(ring: KeyRing, plaintext: bytes, associated_data: bytes, entropy: Entropy) -> tuple[str, bytes]:
    """Seal with the newest key. Returns the id of the key and the sealed bytes, which do not hold `associated_data`."""
    nonce = entropy.token_bytes(_NONCE_BYTES)
    return ring.newest.id, nonce + _cipher(ring.newest).encrypt(nonce, plaintext, associated_data)


def unseal(ring: KeyRing, key_id: str, sealed: bytes, associated_data: bytes) -> bytes:
    """The plaintext. Raises `Unsealable`."""
    key = ring.get(key_id)
    if key is None:
        raise Unsealable(f"no key {key_id} in the ring")
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return _cipher(key).decrypt(nonce, ciphertext, associated_data)
    except (InvalidTag, ValueError):  # ValueError: the nonce is too short
        raise Unsealable("sealed bytes were changed, or belong to another row") from None


@cache
def _cipher(key: Key) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=_AES_256_BYTES, salt=None, info=_PURPOSE).derive(key.secret))
