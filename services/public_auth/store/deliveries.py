"""Units of work of the mail queue: claim under a lease, settle, erase. asyncio-flavoured; no rule, no cipher."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import asyncpg

from shared.io import queries

DeliveryState = Literal["queued", "sent", "suppressed", "failed", "abandoned"]


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A mail that this courier alone may send until its lease ends. Key id and sealed code are None once erased."""

    delivery_id: UUID
    challenge_id: str = field(repr=False)
    login_code_id: UUID
    email: str = field(repr=False)
    locale: str
    attempts: int
    seal_key_id: str | None
    sealed_code: bytes | None = field(repr=False)
    expires_at: datetime
    code_lives: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claimed mail. State `queued` puts it off for `wait`."""

    delivery: ClaimedDelivery
    state: DeliveryState
    reason: str | None = None
    wait: timedelta = timedelta(0)


async def claim_deliveries(connection: asyncpg.Connection, limit: int, lease: timedelta) -> list[ClaimedDelivery]:
    """Lease up to `limit` due mails; a courier that dies gives them back when `lease` ends."""
    rows = await connection.fetch(_sql("claim_deliveries"), limit, lease)
    return [ClaimedDelivery(**row) for row in rows]


async def settle_deliveries(connection: asyncpg.Connection, settlements: Sequence[Settlement]) -> None:
    """Write down what became of the mails. Repeating it changes nothing.

    Of a claim that another courier took over only `sent` is taken: the rest says nothing of the attempt that runs.
    """
    await connection.execute(
        _sql("settle_deliveries"),
        [settled.delivery.delivery_id for settled in settlements],
        [settled.delivery.attempts for settled in settlements],
        [settled.state for settled in settlements],
        [settled.reason for settled in settlements],
        [settled.wait for settled in settlements],
    )


async def erase_ended_codes(connection: asyncpg.Connection, limit: int) -> int:
    """Erase up to `limit` sealed codes whose life is over; returns how many."""
    status = await connection.execute(_sql("erase_ended_codes"), limit)
    return int(status.rpartition(" ")[2])


def _sql(name: str) -> str:
    return queries.load(__package__)[name]
