"""Worker: tells the user service of blocks ordered here, at least once each (SPEC §8). The local block holds anyway."""

import logging
from datetime import timedelta
from functools import partial

import trio

from services.internal_admin.blocks.block_orders import (
    BlockOrder,
    claim_block_orders,
    end_block_order,
    put_off_block_order,
)
from shared.io.postgres import Postgres
from shared.kernel.entropy import Entropy
from shared.kernel.faults import DependencyUnavailable, InvariantBroken
from shared.users.directory import UserDirectory
from shared.users.metrics import BLOCK_ORDERS, BLOCK_ORDERS_WAITING

BATCH = 20
IDLE = timedelta(seconds=1)
LEASE = timedelta(seconds=30)
"""Longer than a call and the units of work around it."""
FIRST_BACKOFF = timedelta(seconds=1)
LONGEST_BACKOFF = timedelta(seconds=60)

_log = logging.getLogger("authsession.blocks.orders")


class BlockOrders:
    """One per internal process; any number may run. For `supervise`."""

    def __init__(self, postgres: Postgres, users: UserDirectory, entropy: Entropy) -> None:
        self._postgres = postgres
        self._users = users
        self._entropy = entropy

    async def step(self) -> int:
        """Tell the service of a batch; how many it held.

        Killed at any point it loses no order: one that was not ended is claimed again after its lease, and the service
        then told a second time.
        """
        claim = partial(claim_block_orders, limit=BATCH, lease=LEASE)
        orders, waiting = await self._postgres.unit_of_work(claim)
        BLOCK_ORDERS_WAITING.set(waiting)
        async with trio.open_nursery() as nursery:
            for order in orders:
                nursery.start_soon(self._deliver, order)
        return len(orders)

    async def _deliver(self, order: BlockOrder) -> None:
        try:
            outcome = "delivered" if await self._told(order) else "not_found"
        except DependencyUnavailable:
            wait = self._backoff(order.attempts)
            await self._postgres.unit_of_work(partial(put_off_block_order, order=order, wait=wait))
            BLOCK_ORDERS.add(1, {"outcome": "put_off"})
            return
        await self._postgres.unit_of_work(partial(end_block_order, order=order, outcome=outcome))
        BLOCK_ORDERS.add(1, {"outcome": outcome})
        if outcome == "not_found":
            _log.warning("the user service does not know whom it was told to block; the local block holds")

    async def _told(self, order: BlockOrder) -> bool:
        if order.user_id is not None:
            return await self._users.block_user(order.user_id, order.reason_code)
        if order.email is not None:
            return await self._users.block_email(order.email, order.reason_code)
        raise InvariantBroken("an order concerns a user or an address")

    def _backoff(self, attempts: int) -> timedelta:
        """Doubles with each attempt, up to a minute, less up to half of it at random so that orders spread out."""
        longest = min(FIRST_BACKOFF * 2 ** min(attempts - 1, 10), LONGEST_BACKOFF)
        return longest * (1 - self._entropy.token_bytes(1)[0] / 512)
