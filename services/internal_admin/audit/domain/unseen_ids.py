"""The ids of the audit trail whose rows may still appear, for readers that want each row once.

An id is drawn from a sequence before its row commits, so a lower id may appear after a higher one.
A reader therefore waits for a missing id.
After `PATIENCE` the transaction of that id has ended without the row: every transaction that writes rows is bounded
far below it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Gap:
    """Ids `low` to `high` were missing at `noticed_at` (seconds of a monotonic clock)."""

    low: int
    high: int
    noticed_at: float


@dataclass(frozen=True, slots=True)
class UnseenIds:
    """Ids above `last`, and those in `gaps`, in ascending order."""

    last: int
    gaps: tuple[Gap, ...] = ()

    @property
    def floor(self) -> int:
        """The highest id up to which no row is waited for."""
        return self.gaps[0].low - 1 if self.gaps else self.last

    def after(self, seen: Sequence[int], now: float) -> "UnseenIds":
        """The ids that remain after `seen` (ascending). A gap that was noticed `PATIENCE` before `now` is given up."""
        last = max(self.last, seen[-1]) if seen else self.last
        gaps = (*self.gaps, Gap(self.last + 1, last, now))
        oldest = now - PATIENCE.total_seconds()
        return UnseenIds(last, tuple(rest for gap in gaps if gap.noticed_at > oldest for rest in _without(gap, seen)))


def _without(gap: Gap, seen: Sequence[int]) -> Iterator[Gap]:
    low = gap.low
    for each in seen[bisect_left(seen, gap.low) : bisect_right(seen, gap.high)]:
        if low < each:
            yield Gap(low, each - 1, gap.noticed_at)
        low = each + 1
    if low <= gap.high:
        yield Gap(low, gap.high, gap.noticed_at)
