"""Codes that a person copies from a screen or paper: twelve characters in three groups (SPEC §10.1, §10.5).

The alphabet leaves out I, O, 0 and 1. Its 32 characters carry 5 bits each, so a code has 60 random bits.
"""

import re

from shared.kernel.entropy import Entropy

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH = 12
_FORM = re.compile(rf"[{_ALPHABET}]{{{_LENGTH}}}")


def new_readable_code(entropy: Entropy) -> str:
    """A new code in the form that is hashed: `XXXXXXXXXXXX`, without hyphens, in upper case."""
    number = int.from_bytes(entropy.token_bytes(8))
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_LENGTH))


def read_readable_code(text: str) -> str | None:
    """The code that a person typed, in either case, with or without hyphens and spaces; None if the text is no code."""
    code = text.replace("-", "").replace(" ", "").upper()
    return code if _FORM.fullmatch(code) else None


def in_groups(code: str) -> str:
    """The code as it is shown: `XXXX-XXXX-XXXX`."""
    return "-".join(code[start : start + 4] for start in range(0, _LENGTH, 4))
