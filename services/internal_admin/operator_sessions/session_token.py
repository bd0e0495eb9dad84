"""Domain: the secret that an operator's session is carried by (SPEC §10.4). Only its SHA-256 is stored: 256 random bits
need no slow hash."""

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from shared.kernel.entropy import Entropy

_RANDOM_BYTES = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class SessionToken:
    """`text` is the secret, 43 URL-safe characters; `hash` is what Postgres keeps."""

    text: str = field(repr=False)
    hash: bytes = field(repr=False)


def new_session_token(entropy: Entropy) -> SessionToken:
    """A token that nobody else has."""
    return _token(urlsafe_b64encode(entropy.token_bytes(_RANDOM_BYTES)).decode("ascii").rstrip("="))


def read_session_token(text: str) -> SessionToken | None:
    """The token that somebody presents; None for text that no token could be."""
    return _token(text) if _FORM.fullmatch(text) else None


def _token(text: str) -> SessionToken:
    return SessionToken(text, hashlib.sha256(text.encode("ascii")).digest())
