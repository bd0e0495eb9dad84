"""Remembers which signed requests this process took."""

from collections import OrderedDict

import trio

from services.internal_admin.node_access.domain import WINDOW

_CAPACITY = 100_000


class Replays:
    """The newest 100,000 requests of the last three windows. Another replica may take a copied request once more.

    Three windows: a request is fresh for two of them, and the clocks of two replicas may differ by a third.
    Whatever a copy could change must therefore not depend on this memory alone.
    """

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._life = 3 * WINDOW.total_seconds()
        self._forget_at: OrderedDict[tuple[str, str], float] = OrderedDict()

    def take(self, node_id: str, request_id: str) -> bool:
        """Whether this is the first request of the node with this id. The answer is True to one caller only."""
        now, taken = trio.current_time(), (node_id, request_id)
        while self._forget_at and (next(iter(self._forget_at.values())) <= now):
            self._forget_at.popitem(last=False)
        if taken in self._forget_at:
            return False
        self._forget_at[taken] = now + self._life
        if len(self._forget_at) > self._capacity:
            self._forget_at.popitem(last=False)
        return True
