"""Units of work that block and unblock a subject, and statements that read blocks.

Each unit is one transaction, in the order of `sessions.store`: e-mail's row, block, order for the user service,
sessions with outbox, audit.
Sessions past `PART` are revoked in later transactions. The first one holds the block, so no login comes in between.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.blocks.domain import (
    AlreadyBlocked,
    Blocked,
    BlockOutcome,
    BlockSubject,
    ChangeExpiry,
    ExpiryPassed,
    KeepBlock,
    ListedBlock,
    NotBlocked,
    PlaceBlock,
    RefuseExpiry,
    StandingBlock,
    Unblocked,
    UnblockOutcome,
    UnblockSubject,
    decide_block,
)
from services.internal_admin.blocks.orders import insert_block_order, withdraw_block_order
from services.internal_admin.callers.identity import Cause
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.callers.trail import audit_subject_of_email, audit_subject_of_id, insert_mutation_event
from services.internal_admin.changes.domain import Done, Part
from services.internal_admin.sessions.domain import UserNotFound
from services.internal_admin.sessions.store import (
    lock_address_of_user,
    lock_email,
    name_in_trail,
    revoke_active_sessions,
)
from shared.io import queries
from shared.kernel.actor import Actor
from shared.kernel.block import Block, Subject
from shared.users.store import lock_user_id

_SQL = queries.load("services.internal_admin.blocks")

_BEFORE_ALL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _LockedSubject:
    """A subject whose e-mail's row this transaction has locked. `user_id` is None if the address is the subject.

    `email_id` is None for a user who never logged in here (SPEC §8 `rest`). Then the user id itself is locked.
    """

    email_id: int | None
    user_id: str | None

    @property
    def key(self) -> tuple[int | None, str | None]:
        """The two columns of `blocks` that name a subject; one of them is None."""
        return (self.email_id, None) if self.user_id is None else (None, self.user_id)


async def block_subject(connection: asyncpg.Connection, done: Done, command: BlockSubject) -> BlockOutcome | Part:
    """Block, revoke every active session of the subject, queue their records. Every outcome is audited."""
    async with connection.transaction():
        locked = await _lock(connection, command.subject, or_unseen=command.is_known_elsewhere)
        if done.outcome:
            outcome = await _revoke(connection, locked, command.cause, done)
        else:
            outcome = UserNotFound() if locked is None else await _block(connection, locked, command)
        await insert_mutation_event(
            connection,
            EventName.BLOCK_SUBJECT,
            name_in_trail(outcome, done),
            _audit_subject(locked, command.subject, is_user=locked is not None),
            command.cause,
            affected_session_count=len(outcome.changes),
            expires_at=command.expires_at and command.expires_at.isoformat(),
        )
        return outcome


async def unblock_subject(connection: asyncpg.Connection, command: UnblockSubject) -> UnblockOutcome:
    """Remove the subject's block. Every outcome is audited."""
    async with connection.transaction():
        locked = await _lock(connection, command.subject, or_unseen=True)
        outcome = NotBlocked() if locked is None else await _unblock(connection, locked)
        is_user = isinstance(outcome, Unblocked) or (locked is not None and locked.email_id is not None)
        subject = _audit_subject(locked, command.subject, is_user=is_user)
        await insert_mutation_event(connection, EventName.UNBLOCK_SUBJECT, outcome.name, subject, command.cause)
        return outcome


async def find_block(connection: asyncpg.Connection, subject: Subject) -> Page[ListedBlock]:
    """The block on one subject: a page of one, or an empty one."""
    if subject.kind == "email":
        bound = _SQL["read_block_of_email"](folded=subject.value)
    else:
        bound = _SQL["read_block_of_user"](user_id=subject.value)
    row = await connection.fetchrow(*bound)
    return Page(() if row is None else (_listed_block(row),), has_more=False)


async def list_blocks(connection: asyncpg.Connection, after: int | None, limit: int) -> Page[ListedBlock]:
    """Blocks from the newest to the oldest; only those `after` a block id, at most `limit`."""
    rows = await connection.fetch(
        *_SQL["list_blocks"](before_block_id=_BEFORE_ALL if after is None else after, limit=limit + 1)
    )
    return cut_page([_listed_block(row) for row in rows], limit)


async def _lock(connection: asyncpg.Connection, subject: Subject, *, or_unseen: bool) -> _LockedSubject | None:
    """Lock the subject; None for a user who never logged in here.

    With `or_unseen` such a user is locked too: a first login then waits until this transaction ends.
    """
    if subject.kind == "email":
        return _LockedSubject(await lock_email(connection, subject.value), None)
    user_id = subject.value
    email_id = await lock_address_of_user(connection, user_id)
    if email_id is None and or_unseen:
        await lock_user_id(connection, user_id)
        email_id = await lock_address_of_user(connection, user_id)  # a first login may have come first
    return None if email_id is None and not or_unseen else _LockedSubject(email_id, user_id)


async def _block(connection: asyncpg.Connection, subject: _LockedSubject, command: BlockSubject) -> BlockOutcome | Part:
    standing, now = await _read_standing_block(connection, subject)
    decision = decide_block(standing, command.expires_at, now)
    outcome: type[Blocked | AlreadyBlocked]
    match decision:
        case RefuseExpiry():
            return ExpiryPassed()
        case PlaceBlock(expired):
            if expired is not None:
                await connection.execute(*_SQL["delete_block"](block_id=expired.block_id))
            await _insert_block(connection, subject, command, now)
            await _order_elsewhere(connection, subject, command, now)
            outcome = Blocked
        case ChangeExpiry(block):
            await connection.execute(
                *_SQL["change_block_expiry"](block_id=block.block_id, expires_at=command.expires_at)
            )
            await _order_elsewhere(connection, subject, command, now)
            outcome = AlreadyBlocked
        case KeepBlock():
            outcome = AlreadyBlocked
        case _:
            assert_never(decision)
    return await _revoke(connection, subject, command.cause, Done(outcome=outcome.name))


async def _revoke(
    connection: asyncpg.Connection, subject: _LockedSubject | None, cause: Cause, done: Done
) -> Blocked | AlreadyBlocked | Part:
    outcome = Blocked if done.outcome == Blocked.name else AlreadyBlocked
    if subject is None or subject.email_id is None:  # erased between two parts, or never logged in: no session
        return outcome((), done.session_ids)
    key = (subject.email_id, subject.user_id)
    revoked = await revoke_active_sessions(connection, *key, cause, after=done.after)
    if not revoked.is_all:
        return Part(revoked.changes, done.and_revoked(revoked.changes, outcome.name))
    return outcome(revoked.changes, done.session_ids)


async def _unblock(connection: asyncpg.Connection, subject: _LockedSubject) -> UnblockOutcome:
    standing, now = await _read_standing_block(connection, subject)
    if standing is None:
        return NotBlocked()
    await connection.execute(*_SQL["delete_block"](block_id=standing.block_id))
    await withdraw_block_order(connection, *subject.key)
    return NotBlocked() if standing.has_expired(now) else Unblocked()


async def _read_standing_block(
    connection: asyncpg.Connection, subject: _LockedSubject
) -> tuple[StandingBlock | None, datetime]:
    """The subject's block row, and now by the clock that decides."""
    email_id, user_id = subject.key
    [row] = await connection.fetch(*_SQL["read_standing_block"](email_id=email_id, user_id=user_id))
    return None if row["block_id"] is None else StandingBlock(row["block_id"], row["expires_at"]), row["now"]


async def _insert_block(
    connection: asyncpg.Connection, subject: _LockedSubject, command: BlockSubject, now: datetime
) -> None:
    email_id, user_id = subject.key
    cause = command.cause
    await connection.execute(
        *_SQL["insert_block"](
            email_id=email_id,
            user_id=user_id,
            expires_at=command.expires_at,
            reason_code=cause.reason_code,
            actor_type=cause.actor.type,
            actor_id=cause.actor.id,
            created_at=now,
        )
    )


async def _order_elsewhere(
    connection: asyncpg.Connection, subject: _LockedSubject, command: BlockSubject, now: datetime
) -> None:
    """Order the user service told of a block without an end. For a block with an end, withdraw a waiting order."""
    if command.expires_at is not None:
        await withdraw_block_order(connection, *subject.key)
    elif command.is_ordered_elsewhere:
        await insert_block_order(connection, *subject.key, command.cause.reason_code, now)


def _audit_subject(locked: _LockedSubject | None, subject: Subject, *, is_user: bool) -> str | None:
    """The subject in the trail: an address by its row, a user by id. Other text counts only if it could be an id."""
    if locked is not None and locked.email_id is not None and locked.user_id is None:
        return audit_subject_of_email(locked.email_id)
    return subject.value if is_user else audit_subject_of_id(subject.value)


def _listed_block(row: asyncpg.Record) -> ListedBlock:
    subject = Subject("user_id", row["user_id"]) if row["folded"] is None else Subject("email", row["folded"])
    actor = Actor(row["actor_type"], row["actor_id"])
    return ListedBlock(row["block_id"], Block(subject, row["reason_code"], actor, row["created_at"], row["expires_at"]))
