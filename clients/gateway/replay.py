"""Each signed request is taken once: by this process, and by all gateways on one Redis."""

import math
from collections import OrderedDict
from typing import Literal, TypeAlias

from clients.gateway.clock import Clock, steady_clock
from clients.gateway.modes import FailStatic
from clients.gateway.redis_connection import RedisRefused, RedisUnavailable
from clients.gateway.session_cache import SessionCache

Taken: TypeAlias = Literal["taken", "replayed", "unavailable"]


class ReplayGuard:
    """Remembers requests for `life` seconds: here (the last `capacity`), and in Redis by SET NX.

    A Redis that lost its memory is caught up by each gateway's own only: what *another* gateway took right before can
    be taken here once more, while it is fresh. `FailStatic` says so of the time without Redis, too; but a Redis that is
    there and refuses (full, a replica, a user without the right) lets nothing through in either mode.
    """

    def __init__(
        self, cache: SessionCache, life: float, *, capacity: int = 100_000, clock: Clock = steady_clock
    ) -> None:
        self._cache = cache
        self._life = life
        self._capacity = capacity
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    async def take(self, device_session_id: str, request_id: str) -> Taken:
        """`taken` for one caller only. After `unavailable` the request may count as taken: sign a new one."""
        key = self._cache.keys.replay(device_session_id, request_id)
        if not self._remember(key):
            return "replayed"
        try:
            life_ms = math.ceil(self._life * 1000)
            answer = await self._cache.execute("SET", key, 1, "NX", "PX", life_ms)
        except RedisUnavailable as fault:
            is_there = isinstance(fault, RedisRefused) and self._cache.problem() is None
            return "taken" if isinstance(self._cache.mode, FailStatic) and not is_there else "unavailable"
        if answer is None:
            return "replayed"
        return "taken" if answer == b"OK" else "unavailable"

    def _remember(self, key: str) -> bool:
        """Whether it was not known."""
        now = self._clock()
        while self._seen and (next(iter(self._seen.values())) <= now or len(self._seen) > self._capacity):
            self._seen.popitem(last=False)
        if key in self._seen:
            return False
        self._seen[key] = now + self._life
        return True
