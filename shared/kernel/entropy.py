"""Kernel: randomness. This file is the only one that may touch the system's CSPRNG."""

import secrets
from typing import Protocol


class Entropy(Protocol):
    """Unpredictable bytes and codes."""

    def token_bytes(self, count: int) -> bytes:
        """`count` bytes, each uniform."""
        ...

    def six_digits(self) -> str:
        """A login code: uniform over 000000 to 999999, leading zeros kept."""
        ...


class SystemEntropy:
    """The system's CSPRNG, through `secrets`."""

    def token_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def six_digits(self) -> str:
        return f"{secrets.randbelow(1_000_000):06d}"
