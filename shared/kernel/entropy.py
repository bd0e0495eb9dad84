"""Randomness. No other file may use the system's CSPRNG."""

import secrets
from typing import Protocol


class Entropy(Protocol):
    """A source of unpredictable bytes and codes."""

    def token_bytes(self, count: int) -> bytes:
        """`count` uniformly random bytes."""
        ...

    def six_digits(self) -> str:
        """A login code, uniform from 000000 to 999999, with leading zeros."""
        ...


class SystemEntropy:
    """The system's CSPRNG, through `secrets`."""

    def token_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def six_digits(self) -> str:
        return f"{secrets.randbelow(1_000_000):06d}"
