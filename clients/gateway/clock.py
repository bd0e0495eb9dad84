"""The clocks of a gateway: the wall clock judges signed times, the steady clock measures durations."""

import time
from collections.abc import Callable

Clock = Callable[[], float]


def wall_clock() -> float:
    """Seconds since 1970 UTC. Signed requests are compared with it, so NTP must keep this machine's clock right."""
    return time.time()


def steady_clock() -> float:
    """Seconds of a monotonic clock."""
    return time.monotonic()
