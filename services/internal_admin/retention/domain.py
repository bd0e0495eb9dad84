"""How long retention rests after a batch, as a multiple of the time that the batch took.

The rest is halved while removal falls behind, and grows by a tenth otherwise.
Where rows come all the time, it swings between the rest that just keeps up and half of that, and so gains ground.
"""

from datetime import timedelta

MAX_REST = 199.0
"""Retention then works for a 200th of the time: fewer than one request in a hundred meets a batch (bench)."""
MIN_REST = 4.0
"""Retention works for at most a fifth of the time, however many rows are due. The other time is for logins."""
TOLERATED = timedelta(days=1)
"""How late rows may be removed before removal may slow logins. A night may do the work that a busy day left."""


def next_rest(rest: float, *, falls_behind: bool) -> float:
    """The rest after this batch. `rest` is the rest before it."""
    return max(rest / 2, MIN_REST) if falls_behind else min(rest * 1.1, MAX_REST)


def falls_behind(late: timedelta, late_before: timedelta | None) -> bool:
    """Whether rows are removed too late, and ever later.

    `late`: how late the newest row of this batch was removed. `late_before`: the same for the batch before; None if
    there was no batch, or if it removed all rows that were due.
    """
    return late > TOLERATED and late_before is not None and late >= late_before
