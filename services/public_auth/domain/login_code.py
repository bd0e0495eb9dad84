"""Login codes: reading, storing and comparing (SPEC §3.2). Pure.

A slow hash cannot protect six digits; a key that is not in the database does.
"""

import hmac
import re
import unicodedata
from dataclasses import dataclass, field

from shared.kernel.keyring import KeyRing

CODE_DIGITS = 6
_MAX_TYPED_LENGTH = 128
# An origin-bound code, the last line of a letter: https://wicg.github.io/sms-one-time-codes
_AUTOFILL_LINE = re.compile(r"@[^\s@#]+ #([0-9]{6})", re.ASCII)
_FULL_WIDTH = {code_point: code_point - 0xFEE0 for code_point in range(0xFF01, 0xFF5F)}
# The minus sign, the long vowel marks that Japanese keyboards type for a dash, and invisible characters.
_SEPARATORS = "\N{MINUS SIGN}\u30fc\uff70\u00ad\u200b\u200c\u200d\u2060\ufeff"
_CODE_MARKER = b"authsession-login-code-v1"
_DUMMY_SALT = bytes(16)
_DUMMY_MAC = bytes(32)


@dataclass(frozen=True, slots=True)
class StoredCode:
    """The stored form of a code: HMAC-SHA-256 over salt and code, under the key `key_id`."""

    key_id: str
    salt: bytes = field(repr=False)
    mac: bytes = field(repr=False)


def read_code(text: str) -> str:
    """The six digits that a person meant; text that holds no code is returned unchanged.

    It accepts spaces and dashes anywhere, full-width forms, the same code pasted twice, and the autofill line of a
    letter (`@example.com #123456`).
    """
    if is_code(text) or len(text) > _MAX_TYPED_LENGTH:
        return text
    plain = text.translate(_FULL_WIDTH).strip()
    line = _AUTOFILL_LINE.fullmatch(plain)
    digits = line[1] if line else "".join(character for character in plain if not _is_separator(character))
    if len(digits) == 2 * CODE_DIGITS and digits[:CODE_DIGITS] == digits[CODE_DIGITS:]:
        digits = digits[:CODE_DIGITS]
    return digits if is_code(digits) else text


def _is_separator(character: str) -> bool:
    """Whether the character is white space, any dash, or invisible."""
    return character.isspace() or character in _SEPARATORS or unicodedata.category(character) == "Pd"


def is_code(text: str) -> bool:
    """Whether the text is six ASCII digits. Other text is refused before it can cost an attempt."""
    return len(text) == CODE_DIGITS and text.isascii() and text.isdigit()


def store_code(keys: KeyRing, code: str, salt: bytes) -> StoredCode:
    """The stored form of a code under the newest key. `salt` is 16 random bytes."""
    return StoredCode(keys.newest.id, salt, _mac(keys.newest.secret, salt, code))


def is_right_code(keys: KeyRing, stored: StoredCode | None, code: str) -> bool:
    """Whether `code` is the stored one, compared in constant time.

    Without a stored code (a decoy), or if its key is gone, it does the same work and returns False.
    """
    key = keys.get(stored.key_id) if stored is not None else None
    if stored is None or key is None:
        return hmac.compare_digest(_mac(keys.newest.secret, _DUMMY_SALT, code), _DUMMY_MAC)
    return hmac.compare_digest(_mac(key.secret, stored.salt, code), stored.mac)


def _mac(secret: bytes, salt: bytes, code: str) -> bytes:
    return hmac.digest(secret, _CODE_MARKER + salt + code.encode("ascii"), "sha256")
