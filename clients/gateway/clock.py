"""The clocks of a gateway: one that decides about signed times, one that measures."""

import time
from collections.abc import Callable

Clock = Callable[[], float]


def wall_clock() -> float:
    """Seconds since 1970 UTC, by this machine: kept in step (NTP), as signed requests are compared with it."""
    return time.time()


def steady_clock() -> float:
    """Seconds that nobody sets back."""
    return time.monotonic()
