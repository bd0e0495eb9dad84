"""HPKE in base mode, written from RFC 9180 alone and with a given ephemeral key. It proves what other languages read.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEM = b"KEM" + (0x0020).to_bytes(2, "big")
_SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0002))


def seal(plaintext: bytes, public_key: bytes, info: bytes, ephemeral: X25519PrivateKey) -> bytes:
    """The encapsulated key and the ciphertext (RFC 9180 §6.1)."""
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public_key))
    encapsulated = ephemeral.public_key().public_bytes_raw()
    key, nonce = _schedule(shared, encapsulated, public_key, info)
    return encapsulated + AESGCM(key).encrypt(nonce, plaintext, b"")


def open_sealed(sealed: bytes, private_key: X25519PrivateKey, info: bytes) -> bytes:
    """The plain text. Raises `InvalidTag`."""
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    shared = private_key.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    key, nonce = _schedule(shared, encapsulated, private_key.public_key().public_bytes_raw(), info)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def _schedule(shared: bytes, encapsulated: bytes, public_key: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Key and nonce."""
    secret = _expand(_extract(b"", b"eae_prk", shared, _KEM), b"shared_secret", encapsulated + public_key, 32, _KEM)
    context = b"\0" + _extract(b"", b"psk_id_hash", b"", _SUITE) + _extract(b"", b"info_hash", info, _SUITE)
    schedule = _extract(secret, b"secret", b"", _SUITE)
    key, nonce = (
        _expand(schedule, label, context, size, _SUITE) for label, size in ((b"key", 32), (b"base_nonce", 12))
    )
    return key, nonce


def _extract(salt: bytes, label: bytes, material: bytes, suite: bytes) -> bytes:
    return _hmac(salt or bytes(32), b"HPKE-v1" + suite + label + material)


def _expand(key: bytes, label: bytes, info: bytes, length: int, suite: bytes) -> bytes:
    """At most one block, which is all that this suite needs."""
    return _hmac(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\1")[:length]


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)
