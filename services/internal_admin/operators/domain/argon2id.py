"""Argon2id (RFC 9106), for passwords and recovery codes (SPEC §10.3, §10.5).

A hash takes tens of milliseconds on purpose, so it never runs on an event loop (`operators.hashing`).
"""

import hmac
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass

import argon2
from argon2.low_level import Type, hash_secret

from shared.kernel.entropy import Entropy

_SALT_BYTES, _HASH_BYTES = 16, 32


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """The cost of one hash. There is one lane: a second one would occupy another core for the same login."""

    memory_kibibytes: int
    passes: int


# OWASP's first choice; 29 ms on the machine it was measured on (docs/decisions/0021).
COST = Argon2Cost(memory_kibibytes=19 * 1024, passes=2)


def hash_text(text: str, cost: Argon2Cost, entropy: Entropy) -> str:
    """`$argon2id$…` in the PHC string format, with a salt of its own."""
    return _hash(text, cost, entropy.token_bytes(_SALT_BYTES))


def hash_texts(texts: Sequence[str], cost: Argon2Cost, entropy: Entropy) -> tuple[str, ...]:
    """Hashes of several texts with one shared salt, so that one computation compares a text with all of them."""
    salt = entropy.token_bytes(_SALT_BYTES)
    return tuple(_hash(text, cost, salt) for text in texts)


def is_among(text: str, hashes: Sequence[str]) -> bool:
    """Whether `text` is one of the hashed texts, which share a salt. One computation, whatever their number."""
    mine = _hash(text, cost_of(hashes[0]), b64decode(hashes[0].split("$")[4] + "=="))
    return sum(hmac.compare_digest(mine, each) for each in hashes) > 0  # no shortcut: time tells nobody which one fits


def cost_of(hashed: str) -> Argon2Cost:
    """The cost that a hash was made at."""
    parameters = argon2.extract_parameters(hashed)
    return Argon2Cost(parameters.memory_cost, parameters.time_cost)


def _hash(text: str, cost: Argon2Cost, salt: bytes) -> str:
    return hash_secret(
        text.encode(), salt, time_cost=cost.passes, memory_cost=cost.memory_kibibytes, parallelism=1,
        hash_len=_HASH_BYTES, type=Type.ID,
    ).decode("ascii")  # fmt: skip
