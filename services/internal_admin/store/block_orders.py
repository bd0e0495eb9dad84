"""Store: orders for the user service: placed and withdrawn with the block, claimed under a lease, ended once told."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from services.internal_admin.domain.audit_subject import audit_subject_of_email
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io import queries
from shared.kernel.actor import Actor

_SQL = queries.load_texts("services.internal_admin.store", "block_orders.sql")


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """A block that the user service is to be told of: on exactly one of `user_id` and `email` (case-folded)."""

    order_id: int
    email_id: int | None
    user_id: str | None
    reason_code: str
    attempts: int
    email: str | None = field(repr=False)


async def insert_block_order(
    connection: asyncpg.Connection, email_id: int | None, user_id: str | None, reason_code: str, now: datetime
) -> None:
    """Inside the block's transaction: there is no order without its block, and no block for good without its order."""
    await connection.execute(_SQL["insert_block_order"], email_id, user_id, reason_code, now)


async def withdraw_block_order(connection: asyncpg.Connection, email_id: int | None, user_id: str | None) -> None:
    """Inside the transaction that ends the block. What the service was told stays told."""
    await connection.execute(_SQL["withdraw_block_order"], email_id, user_id)


async def claim_block_orders(
    connection: asyncpg.Connection, limit: int, lease: timedelta
) -> tuple[list[BlockOrder], int]:
    """Lease up to `limit` due orders; a worker that dies gives them back after `lease`. And how many wait in all."""
    rows = await connection.fetch(_SQL["claim_block_orders"], limit, lease)
    return [BlockOrder(**row) for row in rows], await connection.fetchval(_SQL["count_block_orders"])


async def end_block_order(connection: asyncpg.Connection, order: BlockOrder, outcome: str) -> None:
    """The service was told: end the order, with an audit row. Changes nothing if it ended already or was withdrawn."""
    async with connection.transaction():
        if await connection.fetchval(_SQL["delete_block_order"], order.order_id) is not None:
            await insert_audit_event(connection, _event(order, outcome))


async def put_off_block_order(connection: asyncpg.Connection, order: BlockOrder, wait: timedelta) -> None:
    """Try again after `wait`, unless another worker holds the order by now."""
    await connection.execute(_SQL["put_off_block_order"], order.order_id, order.attempts, wait)


def _event(order: BlockOrder, outcome: str) -> AuditEvent:
    return AuditEvent(
        event="security.order_block",
        outcome=outcome,
        caller="system",
        actor=Actor("system", None),
        subject=order.user_id if order.email_id is None else audit_subject_of_email(order.email_id),
        reason_code=order.reason_code,
    )
