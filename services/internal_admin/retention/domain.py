"""Domain: how long retention rests after a batch, as a multiple of the time that the batch took. Pure.

Halved while it falls behind, a tenth longer otherwise: where rows come all the time, it swings between the rest that
just keeps up and half of that, and so gains ground.
"""

from datetime import timedelta

LONGEST_REST = 199.0
"""Works for a 200th of the time, so that fewer than one request in a hundred meets a batch (bench)."""
SHORTEST_REST = 4.0
"""A fifth of the time at most, however much there is: the rest is for logins."""
TOLERATED = timedelta(days=1)
"""How late rows may go before logins are slowed for it: the night may do what a busy day left."""


def next_rest(rest: float, *, falls_behind: bool) -> float:
    """The rest after this batch, given the one before it."""
    return max(rest / 2, SHORTEST_REST) if falls_behind else min(rest * 1.1, LONGEST_REST)


def falls_behind(late: timedelta, late_before: timedelta | None) -> bool:
    """Whether rows go later and later, and too late. `late`: by how much the newest row of a batch was past its time.

    `late_before`: the same of the batch before; None if there was none, or it took all there was.
    """
    return late > TOLERATED and late_before is not None and late >= late_before
