"""The worker that carries out orders, and the one that measures how many wait (SPEC §20.2)."""

import logging
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import trio

from contracts.self_service import OrderOutcome
from services.internal_admin.self_service import metrics, store
from services.internal_admin.self_service.store import CarriedOut, WaitingOrder
from shared.io.postgres import Postgres
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.projection_change import ProjectionChange
from shared.lifecycle.supervision import Signal
from shared.projection.relay import Relay

BATCH = 20
HEALED = 500
IDLE = timedelta(seconds=1)
REST = 0.5
"""The rest after a full batch, as a part of its time.

So this process goes on serving while the public role writes orders without end.
"""
_MAX_FAULTS = 3
"""One order may find its user's address locked for long. After as many faults in a step, Postgres itself is away."""

_log = logging.getLogger("authsession.self_service.worker")


class SessionOrders:
    """Carries out orders and publishes them. Any number may run; each internal process runs one.

    A kill at any point loses no order. Before the commit the order waits as it was. After it the outbox has the change,
    some relay publishes it, and a later step of any worker notes so.
    """

    def __init__(self, postgres: Postgres, relay: Relay) -> None:
        self.wake = Signal()
        """Notify it of a new order."""
        self._postgres = postgres
        self._relay = relay
        metrics.show_that_nothing_was_refused()

    async def step(self) -> int:
        """Carry out a batch, oldest first, and return its size. Each order is published while the next is carried out.

        Raises `DependencyUnavailable` at the end, if Postgres could not serve an order, or Redis took no record. The
        other orders of the batch are done all the same.
        """
        waiting = await self._postgres.unit_of_work(store.read_waiting_orders, limit=BATCH)
        faults: list[DependencyUnavailable] = []
        async with trio.open_nursery() as publishing:
            for order in waiting:
                try:
                    await self._carry_out(order, publishing, faults)
                except DependencyUnavailable as fault:
                    faults.append(fault)
                if sum(fault.name == "postgres" for fault in faults) >= _MAX_FAULTS:
                    break
        await self._postgres.unit_of_work(store.write_published_by_relay, limit=HEALED)
        if faults:
            raise faults[0]
        return len(waiting)

    async def _carry_out(
        self, order: WaitingOrder, publishing: trio.Nursery, faults: list[DependencyUnavailable]
    ) -> None:
        """Carry out an order, in as many transactions as it takes, and begin to publish it.

        If a worker that is dead began it, some relay publishes the changes of that one, and a later step notes so.
        """
        changes: list[ProjectionChange] = []
        epoch = await self._relay.epoch()
        while (done := await self._carried_out(order)) is not None:
            changes += done.changes
            if done.outcome is not None:
                metrics.ORDERS.add(1, {"outcome": done.outcome.value})
                if done.outcome is OrderOutcome.REFUSED:
                    _log.error("order without a valid proof refused: somebody else than the public process wrote it")
                is_whole = len(changes) >= (done.session_count or 0)
                publishing.start_soon(self._publish, changes, epoch, order if is_whole else None, faults)
                return

    async def _carried_out(self, order: WaitingOrder) -> CarriedOut | None:
        try:
            return await self._postgres.unit_of_work(store.carry_out, order)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
            return await self._postgres.unit_of_work(store.refuse_unstorable, order.order_id)

    async def _publish(
        self,
        changes: Sequence[ProjectionChange],
        epoch: str,
        whole: WaitingOrder | None,
        faults: list[DependencyUnavailable],
    ) -> None:
        """Publish changes. `whole` is the order that they are all changes of."""
        if not changes:
            return
        try:
            await self._relay.publish(changes, epoch)
            if whole is not None:
                await self._postgres.unit_of_work(store.write_published, whole.order_id)
        except DependencyUnavailable as fault:
            faults.append(fault)


class OrderWatch:
    """Measures the waiting orders. Each process has one, and each shows the same orders."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Measure once and return 0, so that the next step waits. Raises `DependencyUnavailable("postgres")`."""
        backlog = await self._postgres.unit_of_work(store.read_backlog)
        metrics.ORDERS_WAITING.set(backlog.orders)
        metrics.ORDERS_AGE.set(backlog.oldest.total_seconds())
        return 0
