"""Takes each signed request only once, in this process and over all gateways on one Redis."""

import math
from collections import OrderedDict
from typing import Literal, TypeAlias

from clients.gateway.clock import Clock, steady_clock
from clients.gateway.modes import FailStatic, Mode
from clients.gateway.redis_connection import RedisRefused, RedisUnavailable
from clients.gateway.session_cache import SessionCache

CAPACITY = 100_000
Taken: TypeAlias = Literal["taken", "replayed", "unavailable"]


class ReplayGuard:
    """Remembers requests for `life` seconds: the last `capacity` in this process, and all in Redis by SET NX.

    After Redis has lost its data, a request that *another* gateway took can be taken here once more while it is fresh.
    With `FailStatic` the same holds while Redis is unreachable. A Redis that answers and refuses the write (full, a
    replica, missing rights) makes every request `unavailable`, in both modes.
    """

    def __init__(
        self, cache: SessionCache, life: float, *, capacity: int = CAPACITY, clock: Clock = steady_clock
    ) -> None:
        self._cache = cache
        self._life = life
        self._capacity = capacity
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    async def take(self, device_session_id: str, request_id: str) -> Taken:
        """Returns `taken` to one caller only. After `unavailable` the request may count as taken: sign a new one."""
        return await self.take_for(self._life, self._cache.mode, device_session_id, request_id)

    async def take_for(self, life: float, mode: Mode, device_session_id: str, request_id: str) -> Taken:
        """Like `take`, with another life and mode for this request."""
        key = self._cache.keys.replay(device_session_id, request_id)
        if not self._remember(key, life):
            return "replayed"
        try:
            life_ms = math.ceil(life * 1000)
            answer = await self._cache.execute("SET", key, 1, "NX", "PX", life_ms)
        except RedisUnavailable as fault:
            is_there = isinstance(fault, RedisRefused) and self._cache.problem() is None
            return "taken" if isinstance(mode, FailStatic) and not is_there else "unavailable"
        if answer is None:
            return "replayed"
        return "taken" if answer == b"OK" else "unavailable"

    def _remember(self, key: str, life: float) -> bool:
        """Remembers the key. Returns False if it was already known."""
        now = self._clock()
        while self._seen and (next(iter(self._seen.values())) <= now or len(self._seen) > self._capacity):
            self._seen.popitem(last=False)
        if self._seen.get(key, now) > now:
            return False
        self._seen[key] = now + life
        self._seen.move_to_end(key)
        return True
