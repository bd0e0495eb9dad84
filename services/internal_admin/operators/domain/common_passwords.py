"""Passwords that guessers try first, also with digits, capitals or marks added (SPEC §10.3)."""

from functools import cache
from importlib import resources

_MIN_CORE_LENGTH = 6
_LEET = str.maketrans("013457@$!", "oleastasi")


def is_common(password: str) -> bool:
    """Whether the password is one of the 500 most common, or one of them decorated.

    Decoration is another case, letters written as digits or marks (`p4$$w0rd`), and characters before or after the
    letters: `Password2024!` is `password1234` with another number.
    """
    return not _listed().isdisjoint(_undecorated(password.casefold()))


def _undecorated(folded: str) -> set[str]:
    """The text itself, its core, and the core in letters."""
    core = _core(folded)
    return {folded, folded.translate(_LEET), core, core.translate(_LEET)}


def _core(folded: str) -> str:
    """The text from its first letter to its last, or all of it if that part is too short to tell anything."""
    letters = [place for place, character in enumerate(folded) if character.isalpha()]
    core = folded[letters[0] : letters[-1] + 1] if letters else ""
    return core if len(core) >= _MIN_CORE_LENGTH else folded


@cache
def _listed() -> frozenset[str]:
    """The listed passwords and their cores."""
    text = resources.files(__package__ or "").joinpath("common_passwords.txt").read_text("utf-8")
    passwords = [line for line in text.splitlines() if not line.startswith("#")]
    return frozenset(passwords) | frozenset(map(_core, passwords))
