"""Watches the heads of pools for all held polls of the process, and wakes those whose answer changed (SPEC §16.3).

A look is one statement. The first poll begins the looks, and without a held poll there are none.
"""

from collections import deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import trio

from contracts.node.poll import Poll
from services.internal_admin.node_config import store
from services.internal_admin.node_config.domain.head import Head, is_news, no_head
from services.internal_admin.node_config.wake import Wake
from shared.io.postgres import Postgres
from shared.kernel.faults import DependencyUnavailable, InvariantBroken
from shared.web.holding import Hold

LOOK_EVERY: Final = 0.25
"""Seconds between two looks."""
AWAY: Final = 1.0
"""Seconds between two looks while Postgres is away."""
SLICE: Final = 32
"""Polls that are woken at once. Other requests run between two slices."""


class HeldPoll:
    """A poll that waits. `is_revoked`: its node was revoked. `is_replaced`: the node began a newer poll."""

    __slots__ = ("asked", "hold", "is_replaced", "is_revoked", "node_id")

    def __init__(self, node_id: str, asked: Poll, hold: Hold) -> None:
        self.node_id = node_id
        self.asked = asked
        self.hold = hold
        self.is_revoked = False
        self.is_replaced = False

    @property
    def is_over(self) -> bool:
        """Whether the poll must be answered now, with or without news."""
        return self.is_revoked or self.is_replaced or self.hold.is_over

    def revoke(self) -> None:
        self.is_revoked = True
        self.hold.wake()

    def replace(self) -> None:
        self.is_replaced = True
        self.hold.wake()


class HeadWatch:
    """The heads of all pools as of the last look, and the held polls. `run` must be running."""

    def __init__(self, postgres: Postgres, wake: Wake) -> None:
        self._look_every = LOOK_EVERY
        self._postgres = postgres
        self._wake = wake
        self._heads: Mapping[str, Head] = {}
        self._held: dict[str, dict[str, HeldPoll]] = {}
        self._looking = trio.Lock()
        self._began_at = self._ended_at = float("-inf")
        self._since: datetime | None = None
        self._changed_polls: deque[HeldPoll] = deque()
        self._has_changed = trio.Event()

    def head(self, pool: str) -> Head:
        """The head of the pool as of the last look."""
        return self._heads.get(pool) or no_head(pool)

    def now(self) -> datetime:
        """The time of Postgres, by which the requests of nodes are judged. There was a look."""
        if self._since is None:
            raise InvariantBroken("the first look tells the time")
        return self._since + timedelta(seconds=trio.current_time() - self._ended_at)

    @contextmanager
    def holding(self, node_id: str, pool: str, asked: Poll, hold: Hold) -> Generator[HeldPoll]:
        """A poll of the node that is woken as long as this context is open. It ends an older poll of the node."""
        poll, of_pool = HeldPoll(node_id, asked, hold), self._held.setdefault(pool, {})
        if (older := of_pool.get(node_id)) is not None:
            older.replace()
        of_pool[node_id] = poll
        try:
            with self._wake.listening():
                yield poll
        finally:
            if of_pool.get(node_id) is poll:
                del of_pool[node_id]

    async def look_since(self, instant: float) -> None:
        """Return once a look that began at `instant` or later has ended. Raises `DependencyUnavailable`."""
        if self._began_at < instant:
            async with self._looking:
                if self._began_at < instant:
                    await self._look()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look every quarter of a second and at each wake-up, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._wake_changed)
            task_status.started()
            while True:
                with trio.move_on_after(self._look_every):
                    await self._wake.here.wait()
                if any(self._held.values()):
                    try:
                        await self.look_since(trio.current_time())
                    except DependencyUnavailable:  # the Postgres driver logs it
                        await trio.sleep(AWAY)

    async def _look(self) -> None:
        began_at = trio.current_time()
        found = await self._postgres.unit_of_work(store.look, self._since)
        before, self._heads = self._heads, found.heads
        self._began_at, self._ended_at = began_at, trio.current_time()
        self._since = found.looked_at
        for of_pool in self._held.values():
            for node_id in found.revoked & of_pool.keys():
                of_pool[node_id].revoke()
        changed = self._changed(before)
        if changed:
            self._changed_polls.extend(changed)
            self._has_changed.set()

    def _changed(self, before: Mapping[str, Head]) -> list[HeldPoll]:
        """The polls that may have news now. A poll of a pool whose head did not change has none."""
        return [
            poll
            for pool, of_pool in self._held.items()
            if self._heads.get(pool) != before.get(pool)
            for poll in of_pool.values()
            if is_news(self.head(pool).offer_to(poll.node_id, was_offered=False), poll.asked)
        ]

    async def _wake_changed(self) -> None:
        """Wake polls in slices, beside the looks."""
        while True:
            await self._has_changed.wait()
            self._has_changed = trio.Event()
            while self._changed_polls:
                for _ in range(min(SLICE, len(self._changed_polls))):
                    self._changed_polls.popleft().hold.wake()
                await trio.lowlevel.checkpoint()
