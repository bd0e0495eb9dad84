"""Exponential backoff with a cap, and jitter."""

from dataclasses import dataclass
from datetime import timedelta

from shared.kernel.entropy import Entropy

_MAX_DOUBLINGS = 10
"""Keeps the power small. Every cap is reached before this many doublings."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The waits between tries: `first` after the first failure, then twice the wait before, at most `cap`."""

    first: timedelta
    cap: timedelta

    def wait(self, earlier_failures: int) -> timedelta:
        """The wait, without jitter, after a failure that follows `earlier_failures` others."""
        return min(self.first * 2 ** min(earlier_failures, _MAX_DOUBLINGS), self.cap)


def jittered(longest: timedelta, entropy: Entropy) -> timedelta:
    """A random wait between half of `longest` and `longest`, so that replicas that began together spread out."""
    return longest * (1 + entropy.token_bytes(1)[0] / 255) / 2
