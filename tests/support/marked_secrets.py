"""Marked secrets: a search recognises each in every spelling that a log may give it."""

import base64
import json
import re
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.support.database import ROLE_PASSWORD
from tests.support.stack import (
    AUDIT_KEYS,
    CONFIG_KEYS,
    COOKIE_KEYS,
    LOGIN_CODE_KEYS,
    REDIS_PASSWORD,
    SEALING_KEYS,
    SECRET_KEYS,
)

MARK = "zebra-quagga"
"""Part of every address, and of every text where no caller's text belongs."""


@dataclass(slots=True)
class Secrets:
    """Secrets that must appear nowhere. Each has a name for the report."""

    patterns: dict[str, re.Pattern[str]] = field(default_factory=dict)
    error_bodies: list[str] = field(default_factory=list)

    def keep(self, name: str, secret: str) -> str:
        """Keeps a secret in four spellings: plain text, percent-encoded, JSON escapes and base64."""
        spellings = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
        spellings.add(base64.b64encode(secret.encode()).decode().rstrip("="))
        self.patterns[name] = re.compile("|".join(re.escape(each) for each in sorted(spellings)), re.IGNORECASE)
        return secret

    def keep_code(self, code: str) -> str:
        """Keeps a login code: six digits that are not part of a longer number."""
        self.patterns[f"code {code}"] = re.compile(rf"(?<![0-9.:e+-]){code}(?![0-9])")
        return code

    def found_in(self, text: str) -> set[str]:
        """The names of the secrets that stand in the text."""
        return {name for name, pattern in self.patterns.items() if pattern.search(text)}


def keep_configured(kept: Secrets) -> None:
    kept.keep("mark of every address", MARK)
    kept.keep("password of the Postgres roles", ROLE_PASSWORD)
    kept.keep("password of Redis", REDIS_PASSWORD)
    for name, ring in (
        ("login code key", LOGIN_CODE_KEYS),
        ("sealing key", SEALING_KEYS),
        ("cookie key", COOKIE_KEYS),
        ("audit key", AUDIT_KEYS),
        ("configuration key", CONFIG_KEYS),
        ("key of secrets", SECRET_KEYS),
    ):
        encoded = ring.partition(":")[2]
        kept.keep(name, encoded)
        kept.keep(f"{name}, decoded", base64.b64decode(encoded).decode())
