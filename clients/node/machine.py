"""The clocks and the randomness of the machine. Tests and applications may hand in clocks of their own."""

import random
import secrets
import time
from collections.abc import Callable

Clock = Callable[[], float]


def wall_clock() -> float:
    """Seconds since 1970 UTC. It may be wrong: `ServerClock` corrects it."""
    return time.time()


def steady_clock() -> float:
    """Seconds of a monotonic clock."""
    return time.monotonic()


def random_id() -> str:
    """128 random bits as 22 characters of base64url."""
    return secrets.token_urlsafe(16)


def jitter(seconds: float) -> float:
    """A random time from half of `seconds` to all of it, so that nodes do not act in step."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
