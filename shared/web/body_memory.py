"""The memory for large request bodies of a listener. A body counts as it arrives, until its request is answered.

Without this limit 1,024 connections could hold 4 GiB. Bodies up to 16 KiB are limited by the number of connections.
"""

from collections import Counter

from shared.kernel.faults import Overloaded

MAX_BYTES = 64 * 1024 * 1024
_NETWORK_SHARE = 2
"""A network may have 1/2 of the memory, because bodies are read before a caller is known."""


class BodyMemory:
    """Counts the bytes of large bodies, in total and by network."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._used: Counter[str] = Counter()
        self._total = 0

    @property
    def used(self) -> int:
        return self._total

    def take(self, network: str, size: int) -> None:
        """Count `size` more bytes of `network`. Raises `Overloaded`, and counts nothing, if they are too many."""
        is_full = self._total + size > self._max_bytes
        if is_full or self._used[network] + size > self._max_bytes // _NETWORK_SHARE:
            raise Overloaded
        self._total += size
        self._used[network] += size

    def free(self, network: str, size: int) -> None:
        """Count `size` bytes of `network` no more."""
        self._total -= size
        self._used[network] -= size
        if not self._used[network]:
            del self._used[network]
