"""A secret that a caller presents: its text, the SHA-256 that Postgres keeps, and the part of it that stays visible."""

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from shared.kernel.entropy import Entropy

_RANDOM_BYTES = 32
_RANDOM_TEXT = re.compile(r"[A-Za-z0-9_-]{43}")
_VISIBLE_CHARACTERS = 6


@dataclass(frozen=True, slots=True)
class Secret:
    """`text` is shown once. `hash` is its SHA-256: 256 random bits, or a life of minutes, need no slow hash.

    `prefix` stays visible, so that people can tell marked secrets apart. It is the mark and 36 bits of the 256; the
    other 220 stay unknown. A secret without a mark has an empty one.
    """

    text: str = field(repr=False)
    hash: bytes = field(repr=False)
    prefix: str = ""


def new_secret(entropy: Entropy, mark: str = "") -> Secret:
    """A secret that nobody else has: `mark`, then 32 random bytes as 43 URL-safe characters."""
    return _secret(mark + urlsafe_b64encode(entropy.token_bytes(_RANDOM_BYTES)).decode("ascii").rstrip("="), mark)


def read_secret(text: str, mark: str = "") -> Secret | None:
    """The secret that a caller presents, or None if no secret with this mark has such a text."""
    is_secret = text.startswith(mark) and _RANDOM_TEXT.fullmatch(text, len(mark))
    return _secret(text, mark) if is_secret else None


def hash_secret(text: str) -> bytes:
    """The hash that Postgres keeps of a secret."""
    return hashlib.sha256(text.encode()).digest()


def _secret(text: str, mark: str) -> Secret:
    return Secret(text, hash_secret(text), text[: len(mark) + _VISIBLE_CHARACTERS] if mark else "")
