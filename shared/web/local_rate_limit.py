"""Rate limits in the memory of a process while Redis is away: GCRA at half the rate, with a maximum number of keys."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta

import trio

from shared.kernel.rate import Rate

_MAX_KEYS = 20_000


class LocalRateLimiter:
    """Limits by key. It holds at most `most_keys` keys, and then forgets the one that was used longest ago."""

    def __init__(self, now: Callable[[], float] = trio.current_time, most_keys: int = _MAX_KEYS) -> None:
        """`now` returns seconds of a monotonic clock."""
        self._now = now
        self._most_keys = most_keys
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    def check(self, limits: Sequence[tuple[str, Rate]]) -> timedelta | None:
        """None if the call may pass, which is then counted on every limit. Else the time to wait, uncounted."""
        now = self._now()
        ahead = [(key, max(now, self._arrivals.get(key, now)) - now, *_halved(rate)) for key, rate in limits]
        wait = max(lead - tolerance for _, lead, _, tolerance in ahead)
        if wait > 0:
            return timedelta(seconds=wait)
        for key, lead, interval, _ in ahead:
            self._remember(key, now + lead + interval)
        return None

    def __len__(self) -> int:
        return len(self._arrivals)

    def _remember(self, key: str, arrival: float) -> None:
        self._arrivals[key] = arrival
        self._arrivals.move_to_end(key)
        if len(self._arrivals) > self._most_keys:
            self._arrivals.popitem(last=False)


def _halved(rate: Rate) -> tuple[float, float]:
    """Interval and tolerance in seconds for half of `rate`, but for at least one call per period."""
    count = max(rate.cost, rate.count // 2)
    interval = rate.period.total_seconds() / count
    return interval * rate.cost, interval * (count - rate.cost)
