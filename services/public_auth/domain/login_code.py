"""Login codes: how one is kept and compared (SPEC §3.2). Pure computation, no I/O.

A slow hash cannot protect six digits; a key that is not in the database does.
"""

import hmac
from dataclasses import dataclass, field

from shared.keyring import KeyRing

CODE_DIGITS = 6
_CODE_MARKER = b"authsession-login-code-v1"
_DUMMY_SALT = bytes(16)
_DUMMY_MAC = bytes(32)


@dataclass(frozen=True, slots=True)
class StoredCode:
    """What the database holds of a code: HMAC-SHA-256 over salt and code, under the key `key_id`."""

    key_id: str
    salt: bytes = field(repr=False)
    mac: bytes = field(repr=False)


def is_code(text: str) -> bool:
    """Whether the text is six ASCII digits. Anything else is refused before it can cost an attempt."""
    return len(text) == CODE_DIGITS and text.isascii() and text.isdigit()


def store_code(keys: KeyRing, code: str, salt: bytes) -> StoredCode:
    """Under the newest key; `salt` is 16 random bytes."""
    return StoredCode(keys.newest.id, salt, _mac(keys.newest.secret, salt, code))


def is_right_code(keys: KeyRing, stored: StoredCode | None, code: str) -> bool:
    """Compare in constant time. Without a stored code (a decoy), or with its key gone, the same work and False."""
    key = keys.get(stored.key_id) if stored is not None else None
    if stored is None or key is None:
        return hmac.compare_digest(_mac(keys.newest.secret, _DUMMY_SALT, code), _DUMMY_MAC)
    return hmac.compare_digest(_mac(key.secret, stored.salt, code), stored.mac)


def _mac(secret: bytes, salt: bytes, code: str) -> bytes:
    return hmac.digest(secret, _CODE_MARKER + salt + code.encode("ascii"), "sha256")
