"""Letters without a login code: queued with a login, claimed under a lease, settled. Units of work on asyncio."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import asyncpg

from services.public_auth.store.deliveries import DeliveryState
from shared.io import queries

_SQL = queries.load(__package__, "letters.sql")


@dataclass(frozen=True, slots=True)
class NoticeDraft:
    """The parts of a notice that are made before it is written. Without a public host it has no token."""

    letter_id: UUID
    token_hash: bytes | None = field(default=None, repr=False)
    seal_key_id: str | None = None
    sealed_token: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ClaimedLetter:
    """A letter that only this courier may send until its lease ends. The names are those of `letters`."""

    letter_id: UUID
    kind: Literal["notice", "invitation"]
    email: str = field(repr=False)
    locale: str
    device_session_id: str | None
    time_zone: str | None
    label: str | None = field(repr=False)
    seal_key_id: str | None
    sealed_token: bytes | None = field(repr=False)
    queued_at: datetime
    attempts: int
    lives_for: timedelta
    domain_refused: bool
    """Whether its domain was blocked, or fell out of the allowed ones, while it waited."""
    mail_change_id: UUID


@dataclass(frozen=True, slots=True)
class LetterSettlement:
    """The result of a claimed letter. State `queued` means a retry after `wait`."""

    letter: ClaimedLetter
    state: DeliveryState
    reason: str | None = None
    wait: timedelta = timedelta(0)


async def write_notices(connection: asyncpg.Connection, drafts: Sequence[tuple[str, NoticeDraft]]) -> int:
    """Queues a notice for each session id, in the transaction that wrote the session. Returns their number."""
    rows = await connection.fetch(
        *_SQL["write_notices"](
            device_session_id=[session_id for session_id, _ in drafts],
            letter_id=[draft.letter_id for _, draft in drafts],
            token_hash=[draft.token_hash for _, draft in drafts],
            seal_key_id=[draft.seal_key_id for _, draft in drafts],
            sealed_token=[draft.sealed_token for _, draft in drafts],
        )
    )
    return len(rows)


async def claim_letters(connection: asyncpg.Connection, limit: int, lease: timedelta) -> list[ClaimedLetter]:
    """Claims due letters for `lease`. After that time other couriers may claim the letters of a dead one."""
    return [ClaimedLetter(**row) for row in await connection.fetch(*_SQL["claim_letters"](limit=limit, lease=lease))]


async def settle_letters(
    connection: asyncpg.Connection, settlements: Sequence[LetterSettlement], *, is_kept: bool
) -> None:
    """Writes the results of claimed letters. Repeating it changes nothing. `is_kept` keeps the tokens of sent ones."""
    for settled in settlements:
        await connection.execute(
            *_SQL["settle_letter"](
                letter_id=settled.letter.letter_id,
                attempts=settled.letter.attempts,
                state=settled.state,
                reason=settled.reason,
                wait=settled.wait,
                is_kept=is_kept and settled.state == "sent",
            )
        )
