"""Orders that tell the user service of blocks, and the worker that delivers them (SPEC §8).

An order is placed and withdrawn with its block, claimed under a lease, and ended once it is delivered.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import trio

from contracts.audit_events import EventName
from services.internal_admin.callers.trail import audit_subject_of_email
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io import queries
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.entropy import Entropy
from shared.kernel.faults import DependencyUnavailable, InvariantBroken
from shared.lifecycle.backoff import Backoff, jittered
from shared.users.directory import UserDirectory
from shared.users.metrics import BLOCK_ORDERS, BLOCK_ORDERS_WAITING

_SQL = queries.load("services.internal_admin.blocks", "orders.sql")

BATCH = 20
IDLE = timedelta(seconds=1)
LEASE = timedelta(seconds=30)
"""Longer than a call and the units of work around it."""
BACKOFF = Backoff(first=timedelta(seconds=1), cap=timedelta(seconds=60))

_log = logging.getLogger("authsession.blocks.orders")


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """The order to tell the user service of a block. It names a `user_id` or an `email` (case-folded), never both."""

    order_id: int
    email_id: int | None
    user_id: str | None
    reason_code: str
    attempts: int
    email: str | None = field(repr=False)


class BlockOrders:
    """The worker that delivers orders. Any number may run; each internal process runs one."""

    def __init__(self, postgres: Postgres, users: UserDirectory, entropy: Entropy) -> None:
        self._postgres = postgres
        self._users = users
        self._entropy = entropy

    async def step(self) -> int:
        """Deliver a batch and return its size.

        A kill at any point loses no order. An order that was not ended is claimed again after its lease; the service
        may then be told a second time.
        """
        orders, waiting = await self._postgres.unit_of_work(claim_block_orders, limit=BATCH, lease=LEASE)
        BLOCK_ORDERS_WAITING.set(waiting)
        async with trio.open_nursery() as nursery:
            for order in orders:
                nursery.start_soon(self._deliver, order)
        return len(orders)

    async def _deliver(self, order: BlockOrder) -> None:
        try:
            outcome = "delivered" if await self._told(order) else "not_found"
        except DependencyUnavailable:
            wait = jittered(BACKOFF.wait(order.attempts - 1), self._entropy)
            await self._postgres.unit_of_work(put_off_block_order, order, wait)
            BLOCK_ORDERS.add(1, {"outcome": "put_off"})
            return
        await self._postgres.unit_of_work(end_block_order, order, outcome)
        BLOCK_ORDERS.add(1, {"outcome": outcome})
        if outcome == "not_found":
            _log.warning("user service does not know the blocked subject; the local block holds")

    async def _told(self, order: BlockOrder) -> bool:
        if order.user_id is not None:
            return await self._users.block_user(order.user_id, order.reason_code)
        if order.email is not None:
            return await self._users.block_email(order.email, order.reason_code)
        raise InvariantBroken("an order concerns a user or an address")


async def insert_block_order(
    connection: asyncpg.Connection, email_id: int | None, user_id: str | None, reason_code: str, now: datetime
) -> None:
    """Place an order inside the block's transaction: neither it nor an endless block exists without the other."""
    await connection.execute(
        *_SQL["insert_block_order"](email_id=email_id, user_id=user_id, reason_code=reason_code, ordered_at=now)
    )


async def withdraw_block_order(connection: asyncpg.Connection, email_id: int | None, user_id: str | None) -> None:
    """Withdraw the order inside the transaction that ends the block. An order that was delivered stays delivered."""
    await connection.execute(*_SQL["withdraw_block_order"](email_id=email_id, user_id=user_id))


async def claim_block_orders(
    connection: asyncpg.Connection, limit: int, lease: timedelta
) -> tuple[list[BlockOrder], int]:
    """Lease up to `limit` due orders for `lease`; then a dead worker loses them. Returns also how many orders wait."""
    rows = await connection.fetch(*_SQL["claim_block_orders"](limit=limit, lease=lease))
    return [BlockOrder(**row) for row in rows], await connection.fetchval(*_SQL["count_block_orders"]())


async def end_block_order(connection: asyncpg.Connection, order: BlockOrder, outcome: str) -> None:
    """End a delivered order, with an audit row. Changes nothing if it ended already or was withdrawn."""
    async with connection.transaction():
        if await connection.fetchval(*_SQL["delete_block_order"](order_id=order.order_id)) is not None:
            await insert_audit_event(connection, _event(order, outcome))


async def put_off_block_order(connection: asyncpg.Connection, order: BlockOrder, wait: timedelta) -> None:
    """Put the order off for `wait`, unless another worker holds it by now."""
    await connection.execute(*_SQL["put_off_block_order"](order_id=order.order_id, attempts=order.attempts, wait=wait))


def _event(order: BlockOrder, outcome: str) -> AuditEvent:
    return AuditEvent(
        event=EventName.ORDER_BLOCK,
        outcome=outcome,
        caller="system",
        actor=Actor("system", None),
        subject=order.user_id if order.email_id is None else audit_subject_of_email(order.email_id),
        reason_code=order.reason_code,
    )
