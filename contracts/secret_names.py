"""The forms of the ids and names of secrets."""

import re

_SECRET_ID = re.compile(r"secret-[0-9a-z]{26}", re.ASCII)
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)


def is_secret_id(text: str) -> bool:
    """Whether the text has the form of a secret's id: `secret-` and a ULID in lower case."""
    return _SECRET_ID.fullmatch(text) is not None


def is_secret_name(text: str) -> bool:
    """Whether the text can name a secret: 1 to 64 of A-Z, 0-9 and `_`, with a letter first."""
    return _NAME.fullmatch(text) is not None
