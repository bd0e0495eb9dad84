"""The names that operators log in with: plain ASCII, compared without case."""

import re

_FORM = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


def fold_user_name(text: str) -> str:
    """The name as it is stored and compared. Text that is no user name stays none."""
    return text.lower()


def is_user_name(folded: str) -> bool:
    """Whether a folded name is allowed: 2 to 64 of a–z, 0–9, dot, underscore, hyphen; a letter or digit first."""
    return _FORM.fullmatch(folded) is not None
