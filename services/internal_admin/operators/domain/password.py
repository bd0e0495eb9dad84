"""The form of a password, and the rules for a new one (SPEC §10.3)."""

import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from math import log2
from typing import Literal, TypeAlias

from services.internal_admin.operators.domain.common_passwords import is_common

PasswordFault: TypeAlias = Literal[
    "password_too_short",
    "password_too_long",
    "password_too_simple",
    "password_holds_identity",
    "password_too_common",
    "password_too_predictable",
]
_MAX_LENGTH = 256
_MIN_CLASSES = 3
_MIN_BITS_PER_CHARACTER = 2.0
_MIN_NAME_LENGTH = 3
"""Shorter names stand in too many passwords by chance."""


@dataclass(frozen=True, slots=True)
class PasswordOwner:
    """The person whose password it will be."""

    user_name: str = field(repr=False)
    email: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordRefused:
    """The password breaks a rule. Nothing was used up: another may be tried. `min_length` is the setting."""

    fault: PasswordFault
    min_length: int

    @property
    def rule(self) -> str:
        """The broken rule, with its number, for the person who chooses a password."""
        return {
            "password_too_short": f"at least {self.min_length} characters",
            "password_too_long": f"at most {_MAX_LENGTH} characters",
            "password_too_simple": f"{_MIN_CLASSES} of these 4: lower case, upper case, digits, other characters",
            "password_holds_identity": "without the user name and the e-mail address",
            "password_too_common": "not one of the 500 most common, nor one of those with digits or marks added",
            "password_too_predictable": f"at least {_MIN_BITS_PER_CHARACTER} bits of entropy a character, "
            "so repeat fewer characters",
        }[self.fault]


def normal_password(text: str) -> str:
    """The spelling that is hashed: OpaqueString of RFC 8265. Every kind of space becomes a space, and NFC composes it.

    So a password typed on another keyboard or system is the same one. Case and width count. Composing takes quadratic
    time and makes a text at most four times shorter: a text that would stay too long is returned as it is.
    """
    if len(text) > 4 * _MAX_LENGTH:
        return text
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return unicodedata.normalize("NFC", spaced)


def password_fault(password: str, owner: PasswordOwner, min_length: int) -> PasswordFault | None:
    """The first rule that a normal password breaks; None: it may be used. Lengths are in characters."""
    if len(password) > _MAX_LENGTH:
        return "password_too_long"  # a long text is examined no further
    faults: dict[PasswordFault, bool] = {
        "password_too_short": len(password) < min_length,
        "password_too_simple": len(set(map(_class_of, password))) < _MIN_CLASSES,
        "password_holds_identity": _holds_identity(password.casefold(), owner),
        "password_too_common": is_common(password),
        "password_too_predictable": _bits_per_character(password) < _MIN_BITS_PER_CHARACTER,
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


def _class_of(character: str) -> str:
    if character.isdigit():
        return "digit"
    if character.isupper():
        return "upper"
    return "lower" if character.islower() else "other"


def _holds_identity(folded: str, owner: PasswordOwner) -> bool:
    email = (owner.email or "").casefold()
    names = (owner.user_name.casefold(), email, email.rpartition("@")[0])
    return any(len(name) >= _MIN_NAME_LENGTH and name in folded for name in names)


def _bits_per_character(password: str) -> float:
    """Shannon's entropy of the characters as this password has them; 0 for the empty one."""
    shares = [count / len(password) for count in Counter(password).values()]
    return -sum(share * log2(share) for share in shares)
