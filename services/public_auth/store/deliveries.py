"""Units of work of the mail queue: claim under a lease, settle, erase, look. asyncio-flavoured; no rule, no cipher."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import asyncpg

from shared.io import queries

_SQL = queries.load(__package__)

DeliveryState = Literal["queued", "sent", "suppressed", "failed", "abandoned"]


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A mail that this courier alone may send until its lease ends. Key id and sealed code are None once erased."""

    delivery_id: UUID
    challenge_id: str = field(repr=False)
    login_code_id: UUID
    email: str = field(repr=False)
    locale: str
    queued_at: datetime
    attempts: int
    seal_key_id: str | None
    sealed_code: bytes | None = field(repr=False)
    code_lives_for: timedelta
    domain_refused: bool
    """Its domain was blocked, or another one allowed, while it waited."""

    @property
    def was_tried(self) -> bool:
        """Whether a courier had claimed it before."""
        return self.attempts > 1


@dataclass(frozen=True, slots=True)
class ClaimLimits:
    """At most so many mails, and at most so many of them that were tried before."""

    deliveries: int
    tried_before: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """Of the whole queue: mails that wait or are on their way, and since when the oldest does (zero if none)."""

    depth: int
    oldest_age: timedelta


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claimed mail. State `queued` puts it off for `wait`."""

    delivery: ClaimedDelivery
    state: DeliveryState
    reason: str | None = None
    wait: timedelta = timedelta(0)


async def settle_and_claim(
    connection: asyncpg.Connection, settlements: Sequence[Settlement], limits: ClaimLimits, lease: timedelta
) -> list[ClaimedDelivery]:
    """Both halves of a courier's step in one unit; what there is nothing of costs no round trip."""
    if settlements:
        await settle_deliveries(connection, settlements)
    return await claim_deliveries(connection, limits, lease) if limits.deliveries > 0 else []


async def claim_deliveries(
    connection: asyncpg.Connection, limits: ClaimLimits, lease: timedelta
) -> list[ClaimedDelivery]:
    """Lease due mails; a courier that dies gives them back when `lease` ends."""
    rows = await connection.fetch(
        *_SQL["claim_deliveries"](limit=limits.deliveries, tried_before_limit=limits.tried_before, lease=lease)
    )
    return [ClaimedDelivery(**row) for row in rows]


async def is_claim_good(connection: asyncpg.Connection, claimed: ClaimedDelivery) -> bool:
    """Whether the code still lives, its domain may be mailed, and no other courier took the mail over."""
    return await connection.fetchval(*_SQL["is_claim_good"](delivery_id=claimed.delivery_id, attempts=claimed.attempts))


async def settle_deliveries(connection: asyncpg.Connection, settlements: Sequence[Settlement]) -> None:
    """Write down what became of the mails. Repeating it changes nothing.

    Of a claim that another courier took over only `sent` is taken: the rest says nothing of the attempt that runs.
    """
    await connection.execute(
        *_SQL["settle_deliveries"](
            delivery_id=[settled.delivery.delivery_id for settled in settlements],
            attempts=[settled.delivery.attempts for settled in settlements],
            state=[settled.state for settled in settlements],
            reason=[settled.reason for settled in settlements],
            wait=[settled.wait for settled in settlements],
        )
    )


async def erase_ended_codes(connection: asyncpg.Connection, limit: int) -> int:
    """Erase up to `limit` sealed codes whose life is over; returns how many."""
    status = await connection.execute(*_SQL["erase_ended_codes"](limit=limit))
    return int(status.rpartition(" ")[2])


async def abandon_ended_deliveries(connection: asyncpg.Connection, limit: int) -> int:
    """Abandon up to `limit` mails that wait though their code ended; returns how many."""
    status = await connection.execute(*_SQL["abandon_ended_deliveries"](limit=limit))
    return int(status.rpartition(" ")[2])


async def read_queue_state(connection: asyncpg.Connection) -> QueueState:
    """One snapshot."""
    row = await connection.fetchrow(*_SQL["read_queue_state"]())
    assert row is not None
    return QueueState(row["depth"], row["oldest_age"])
