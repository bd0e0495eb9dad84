"""Store: the units of work that block and unblock a subject.

Each is one transaction in the order of `store.revocation`: e-mail's row, block, sessions with outbox, audit.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

import asyncpg

from services.internal_admin.domain.audit_subject import audit_subject_of_email, audit_subject_of_id
from services.internal_admin.domain.blocking import (
    AlreadyBlocked,
    Blocked,
    BlockOutcome,
    BlockSubject,
    ChangeExpiry,
    ExpiryPassed,
    KeepBlock,
    NotBlocked,
    PlaceBlock,
    RefuseExpiry,
    StandingBlock,
    Unblocked,
    UnblockOutcome,
    UnblockSubject,
    decide_block,
)
from services.internal_admin.domain.revocation import UserNotFound
from services.internal_admin.store.audit import insert_mutation_event
from services.internal_admin.store.revocation import revoke_active_sessions
from services.internal_admin.store.statements import SQL
from shared.kernel.block import Subject


@dataclass(frozen=True, slots=True)
class _LockedSubject:
    """A subject whose e-mail's row this transaction has locked. `user_id` is None when the address is the subject."""

    email_id: int
    user_id: str | None

    @property
    def key(self) -> tuple[int | None, str | None]:
        """The two columns of `blocks` that name a subject; one of them is None."""
        return (self.email_id, None) if self.user_id is None else (None, self.user_id)


async def block_subject(connection: asyncpg.Connection, command: BlockSubject) -> BlockOutcome:
    """Block, revoke every active session of the subject, queue their records. Audited whatever the outcome."""
    async with connection.transaction():
        locked = await _lock(connection, command.subject)
        outcome = UserNotFound() if locked is None else await _block(connection, locked, command)
        await insert_mutation_event(
            connection,
            "security.block_subject",
            outcome.name,
            _audit_subject(locked, command.subject),
            command.cause,
            affected_session_count=len(outcome.changes),
            expires_at=command.expires_at and command.expires_at.isoformat(),
        )
        return outcome


async def unblock_subject(connection: asyncpg.Connection, command: UnblockSubject) -> UnblockOutcome:
    """Remove the subject's block. Audited whatever the outcome."""
    async with connection.transaction():
        locked = await _lock(connection, command.subject)
        outcome = NotBlocked() if locked is None else await _unblock(connection, locked)
        subject = _audit_subject(locked, command.subject)
        await insert_mutation_event(connection, "security.unblock_subject", outcome.name, subject, command.cause)
        return outcome


async def _lock(connection: asyncpg.Connection, subject: Subject) -> _LockedSubject | None:
    by_email = subject.kind == "email"
    statement = SQL["lock_email" if by_email else "lock_email_of_user"]
    email_id = await connection.fetchval(statement, subject.value)
    return None if email_id is None else _LockedSubject(email_id, None if by_email else subject.value)


async def _block(connection: asyncpg.Connection, subject: _LockedSubject, command: BlockSubject) -> BlockOutcome:
    standing, now = await _read_standing_block(connection, subject)
    decision = decide_block(standing, command.expires_at, now)
    outcome: type[Blocked | AlreadyBlocked]
    match decision:
        case RefuseExpiry():
            return ExpiryPassed()
        case PlaceBlock(expired):
            if expired is not None:
                await connection.execute(SQL["delete_block"], expired.block_id)
            await _insert_block(connection, subject, command, now)
            outcome = Blocked
        case ChangeExpiry(block):
            await connection.execute(SQL["change_block_expiry"], block.block_id, command.expires_at)
            outcome = AlreadyBlocked
        case KeepBlock():
            outcome = AlreadyBlocked
        case _:
            assert_never(decision)
    return outcome(await revoke_active_sessions(connection, subject.email_id, subject.user_id, command.cause))


async def _unblock(connection: asyncpg.Connection, subject: _LockedSubject) -> UnblockOutcome:
    standing, now = await _read_standing_block(connection, subject)
    if standing is None:
        return NotBlocked()
    await connection.execute(SQL["delete_block"], standing.block_id)
    return NotBlocked() if standing.has_expired(now) else Unblocked()


async def _read_standing_block(
    connection: asyncpg.Connection, subject: _LockedSubject
) -> tuple[StandingBlock | None, datetime]:
    """The subject's block row, and now by the clock that decides."""
    [row] = await connection.fetch(SQL["read_standing_block"], *subject.key)
    return None if row["block_id"] is None else StandingBlock(row["block_id"], row["expires_at"]), row["now"]


async def _insert_block(
    connection: asyncpg.Connection, subject: _LockedSubject, command: BlockSubject, now: datetime
) -> None:
    cause = command.cause
    await connection.execute(
        SQL["insert_block"], *subject.key, command.expires_at, cause.reason_code, cause.actor.type, cause.actor.id, now
    )


def _audit_subject(locked: _LockedSubject | None, subject: Subject) -> str | None:
    if locked is None or locked.user_id is not None:
        return audit_subject_of_id(subject.value)
    return audit_subject_of_email(locked.email_id)
