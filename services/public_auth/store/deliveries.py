"""Units of work of the mail queue: claim under a lease, settle, erase, read. They run on asyncio and have no rule."""

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
    """A mail that only this courier may send until its lease ends.

    `seal_key_id` and `sealed_code` are None if the code was erased.
    """

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
    """Whether its domain was blocked, or fell out of the allowed ones, while it waited."""
    may_sign_up: bool
    """Whether a new user of its address may sign up. Where users live in a user service, only that knows who is new."""
    mail_change_id: UUID
    """The change of the default mail connection that the claim saw."""

    @property
    def was_tried(self) -> bool:
        """Whether a courier had claimed it before."""
        return self.attempts > 1


@dataclass(frozen=True, slots=True)
class ClaimLimits:
    """The largest number of mails to claim, and of retried mails among them."""

    deliveries: int
    tried_before: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """The whole queue: the number of mails that wait or are on their way, and the age of the oldest, zero if none."""

    depth: int
    oldest_age: timedelta


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result of a claimed mail. State `queued` means a retry after `wait`."""

    delivery: ClaimedDelivery
    state: DeliveryState
    reason: str | None = None
    wait: timedelta = timedelta(0)


async def settle_and_claim(
    connection: asyncpg.Connection, settlements: Sequence[Settlement], limits: ClaimLimits, lease: timedelta
) -> list[ClaimedDelivery]:
    """Settles and claims in one unit of work. Without settlements, or with a limit of 0, that half is skipped."""
    if settlements:
        await settle_deliveries(connection, settlements)
    return await claim_deliveries(connection, limits, lease) if limits.deliveries > 0 else []


async def claim_deliveries(
    connection: asyncpg.Connection, limits: ClaimLimits, lease: timedelta
) -> list[ClaimedDelivery]:
    """Claims due mails for `lease`. After that time other couriers may claim the mails of a dead one."""
    rows = await connection.fetch(
        *_SQL["claim_deliveries"](limit=limits.deliveries, tried_before_limit=limits.tried_before, lease=lease)
    )
    return [ClaimedDelivery(**row) for row in rows]


async def is_claim_good(connection: asyncpg.Connection, claimed: ClaimedDelivery) -> bool:
    """Whether the code still lives, its domain may be mailed, and no other courier took the mail over."""
    return await connection.fetchval(*_SQL["is_claim_good"](delivery_id=claimed.delivery_id, attempts=claimed.attempts))


async def settle_deliveries(connection: asyncpg.Connection, settlements: Sequence[Settlement]) -> None:
    """Writes the results of claimed mails. Repeating it changes nothing.

    If another courier has claimed a mail meanwhile, only the result `sent` is written: the others say nothing about
    the running attempt.
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
    """Erases up to `limit` sealed codes that have expired. Returns their number."""
    status = await connection.execute(*_SQL["erase_ended_codes"](limit=limit))
    return int(status.rpartition(" ")[2])


async def abandon_ended_deliveries(connection: asyncpg.Connection, limit: int) -> int:
    """Abandons up to `limit` waiting mails whose code has ended. Returns their number."""
    status = await connection.execute(*_SQL["abandon_ended_deliveries"](limit=limit))
    return int(status.rpartition(" ")[2])


async def read_queue_state(connection: asyncpg.Connection) -> QueueState:
    """Reads the state of the queue in one snapshot."""
    row = await connection.fetchrow(*_SQL["read_queue_state"]())
    assert row is not None
    return QueueState(row["depth"], row["oldest_age"])
