"""Waits for what becomes of orders. One statement asks for all of them, and only while somebody waits."""

from datetime import timedelta
from typing import Never

import trio

from services.public_auth.store.self_service import CarriedOut, read_outcomes
from shared.io.postgres import Postgres
from shared.kernel.faults import DependencyUnavailable

PATIENCE = timedelta(seconds=2)
MAX_WAITING = 256
"""Maximum number of orders in a statement, and of those that are waited for."""
_SHORTEST, _LONGEST = 0.004, 0.05  # seconds between two looks


class OrderWatch:
    """Waits for orders, while `run` runs."""

    def __init__(self, postgres: Postgres, patience: timedelta = PATIENCE) -> None:
        self._postgres = postgres
        self._patience = patience.total_seconds()
        self._waiting: dict[int, list[_Waiter]] = {}
        self._count = 0
        self._newest = 0.0
        self._arrived = trio.Event()

    async def wait(self, order_id: int) -> CarriedOut | None:
        """The result of the order; None: none yet, or too many wait already. The order stands."""
        if self._count >= MAX_WAITING:
            return None
        waiter = _Waiter()
        self._count += 1
        self._waiting.setdefault(order_id, []).append(waiter)
        self._newest = trio.current_time()
        self._arrived.set()
        try:
            with trio.move_on_after(self._patience):
                await waiter.told.wait()
        finally:
            self._leave(order_id, waiter)
        return waiter.carried_out

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> Never:
        """Look until cancelled; start it with `nursery.start`."""
        task_status.started()
        while True:
            await self._arrived.wait()
            self._arrived = trio.Event()
            while self._waiting:
                await trio.sleep(self._pause())
                await self._look()

    def _pause(self) -> float:
        """A quarter of the time that the newest order waits: short for fresh ones, rare while nobody carries out."""
        return min(max((trio.current_time() - self._newest) / 4, _SHORTEST), _LONGEST)

    async def _look(self) -> None:
        try:
            found = await self._postgres.unit_of_work(read_outcomes, list(self._waiting))
        except DependencyUnavailable:
            return
        for order_id, carried_out in found.items():
            for waiter in self._waiting.get(order_id, ()):
                waiter.carried_out = carried_out
                waiter.told.set()

    def _leave(self, order_id: int, waiter: "_Waiter") -> None:
        self._count -= 1
        others = [each for each in self._waiting[order_id] if each is not waiter]
        if others:
            self._waiting[order_id] = others
        else:
            del self._waiting[order_id]


class _Waiter:
    """A request that waits for an order."""

    def __init__(self) -> None:
        self.told = trio.Event()
        self.carried_out: CarriedOut | None = None
