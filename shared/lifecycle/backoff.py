"""Exponential backoff with a cap, and jitter."""

from dataclasses import dataclass
from datetime import timedelta

from shared.kernel.entropy import Entropy

_MAX_DOUBLINGS = 10
"""A bound for the arithmetic: each cap is reached before."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between tries: `first` after the first failure, then twice the one before, at most `cap`."""

    first: timedelta
    cap: timedelta

    def wait(self, earlier_failures: int) -> timedelta:
        """The wait after one more failure, without jitter."""
        return min(self.first * 2 ** min(earlier_failures, _MAX_DOUBLINGS), self.cap)


def jittered(longest: timedelta, entropy: Entropy) -> timedelta:
    """A wait between half of `longest` and `longest`. Replicas and retries that began together spread out."""
    return longest * (1 + entropy.token_bytes(1)[0] / 255) / 2
