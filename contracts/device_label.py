"""The name of a device, as its user gives it (SPEC §20.1): in a confirm, and in self-service."""

import unicodedata
from typing import Final

from contracts.strict_json import Fields, invalid, read_text

MAX_LABEL_LENGTH: Final = 64
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of the text around them, so that a letter could show something else."""


def read_label(fields: Fields, name: str) -> str:
    """The label in field `name`: trimmed, 1 to 64 characters, no control characters. Refuses an absent field."""
    label = read_text(fields, name)
    if not 1 <= len(label) <= MAX_LABEL_LENGTH:
        raise invalid(f"{name} must have 1 to {MAX_LABEL_LENGTH} characters")
    if any(unicodedata.category(character) in _CONTROLS or character in _DIRECTIONS for character in label):
        raise invalid(f"{name} must not contain control characters")
    return label


def read_optional_label(fields: Fields, name: str) -> str | None:
    """The label in field `name`, read as `read_label` does; None if it is absent."""
    return read_label(fields, name) if name in fields else None
