"""The wake-up after a change of heads or nodes: this process at once, other processes by one Redis key.

Without Redis the others see the change at their next look at Postgres, after a quarter of a second at most.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import trio

from shared.kernel.entropy import Entropy
from shared.kernel.faults import DependencyUnavailable
from shared.lifecycle.supervision import Signal

READ_EVERY = 0.04
"""Seconds between two reads of the key."""
PROBE_EVERY = 1.0
"""Seconds between two tries while Redis is away."""
_BYTES = 12


class Line(Protocol):
    """The part of `shared.io.redis.Redis` that a wake-up needs."""

    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: str) -> None: ...


class Wake:
    """Call `notify` after the commit of a change that waiting nodes should learn of. `run` must be running.

    `here` wakes the watch of this process.
    """

    def __init__(self, redis: Line, key: str, entropy: Entropy) -> None:
        self.here = Signal()
        self._redis = redis
        self._key = key
        self._entropy = entropy
        self._has_news = False
        self._read: bytes | None = None
        self._listeners = 0
        self._is_needed = trio.Event()

    def notify(self) -> None:
        """Wake this process now, and the others soon. It never waits and never fails."""
        self.here.notify()
        self._has_news = True
        self._is_needed.set()

    @contextmanager
    def listening(self) -> Generator[None]:
        """Wake-ups of other processes matter while this context is open. Without one Redis is not asked."""
        self._listeners += 1
        self._is_needed.set()
        try:
            yield
        finally:
            self._listeners -= 1

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tell other processes and hear them, until cancelled."""
        task_status.started()
        while True:
            if not (self._has_news or self._listeners):
                await self._wait()
            try:
                await self.step()
            except DependencyUnavailable:  # the Redis client logs it
                await trio.sleep(PROBE_EVERY)
            else:
                with trio.move_on_after(READ_EVERY):
                    await self._wait()

    async def step(self) -> None:
        """Tell the others if there is news, else hear whether they told. Raises `DependencyUnavailable`."""
        if self._has_news:
            await self._tell()
        else:
            await self._hear()

    async def _wait(self) -> None:
        """Wait for news to tell, or for the first listener."""
        self._is_needed = trio.Event()
        if not self._has_news:
            await self._is_needed.wait()

    async def _tell(self) -> None:
        value = self._entropy.token_bytes(_BYTES).hex()
        self._has_news = False  # news that comes from now on needs a value of its own
        try:
            await self._redis.set(self._key, value)
        except DependencyUnavailable:
            self._has_news = True
            raise
        self._read = value.encode()

    async def _hear(self) -> None:
        value = await self._redis.get(self._key)
        if value != self._read:
            self._read = value
            self.here.notify()
