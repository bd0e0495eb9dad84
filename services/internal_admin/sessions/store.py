"""Units of work that revoke sessions, and statements that read them.

A revocation is one transaction. First a statement of its own locks the e-mail's row and raises its version, so that
later snapshots are younger than the lock. An agent has no e-mail; there its own row is locked. Then come sessions with
their outbox rows, and the audit row.
More than `PART` sessions take several transactions, each with an audit row. The outcome of all but the first is
`continued`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Protocol

import asyncpg

from contracts.agent_id import is_agent_id
from contracts.audit_events import EventName
from contracts.session_status import SessionStatus
from services.internal_admin.callers.identity import Cause
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.callers.trail import audit_subject_of_id, insert_mutation_event
from services.internal_admin.changes.domain import PART, Done, Part
from services.internal_admin.sessions.domain import (
    AlreadyRevoked,
    NoActiveSessions,
    NotOfThisUser,
    Revoked,
    RevokeSession,
    RevokeSessionOutcome,
    RevokeUserSessions,
    RevokeUserSessionsOutcome,
    SessionNotFound,
    UserNotFound,
)
from services.internal_admin.sessions.locks import WrongRow, lock_the_right_row
from shared.io import queries
from shared.kernel.device_session import DeviceSession
from shared.kernel.projection_change import ProjectionChange
from shared.sessions.store import device_session, projection_change

_SQL = queries.load("services.internal_admin.sessions")

CONTINUED: Final = "continued"


class Named(Protocol):
    """An outcome. `name` is its word in the audit trail."""

    name: ClassVar[str]


@dataclass(frozen=True, slots=True)
class RevokedSessions:
    """The sessions that one transaction revoked; newest first, then by id. `is_all`: no other is left to revoke."""

    changes: tuple[ProjectionChange, ...]
    is_all: bool


async def revoke_session(connection: asyncpg.Connection, command: RevokeSession) -> RevokeSessionOutcome:
    """Revoke one session, or queue its record again if it was revoked before. Every outcome is audited."""
    async with connection.transaction():
        outcome = await _revoke_session(connection, command)
        subject = audit_subject_of_id(command.device_session_id)
        await insert_mutation_event(connection, EventName.REVOKE_SESSION, outcome.name, subject, command.cause)
        return outcome


async def revoke_user_sessions(
    connection: asyncpg.Connection, done: Done, command: RevokeUserSessions
) -> RevokeUserSessionsOutcome | Part:
    """Revoke the user's active sessions, as they were at first, except the excepted one. Every outcome is audited."""
    async with connection.transaction():
        outcome = await _revoke_user_sessions(connection, command, done)
        await insert_mutation_event(
            connection,
            EventName.REVOKE_USER_SESSIONS,
            name_in_trail(outcome, done),
            audit_subject_of_id(command.user_id) if isinstance(outcome, UserNotFound) else command.user_id,
            command.cause,
            affected_session_count=len(outcome.changes),
        )
        return outcome


def name_in_trail(outcome: Part | Named, done: Done) -> str:
    """The outcome for the audit row: the decision in a mutation's first row, `continued` in those of later parts."""
    if done.outcome:
        return CONTINUED
    return outcome.done.outcome if isinstance(outcome, Part) else outcome.name


async def revoke_active_sessions(
    connection: asyncpg.Connection,
    email_id: int | None,
    user_id: str | None,
    cause: Cause,
    except_device_session_id: str | None = None,
    after: tuple[datetime, str] | None = None,
) -> RevokedSessions:
    """Revoke up to `PART` active sessions of an address' users, or of one of them, after a session.

    `email_id` is None for an agent, whose id is `user_id`. Call it inside a transaction that has locked the row of the
    address or of the agent.
    """
    after_created_at, after_session_id = after or (None, "")
    rows = await connection.fetch(
        *_SQL["revoke_sessions"](
            email_id=email_id,
            user_id=user_id,
            kept_session_id=except_device_session_id,
            reason_code=cause.reason_code,
            actor_type=cause.actor.type,
            actor_id=cause.actor.id,
            after_created_at=after_created_at,
            after_session_id=after_session_id,
            limit=PART,
        )
    )
    return RevokedSessions(tuple(map(projection_change, rows)), is_all=not rows or rows[0]["chosen"] < PART)


async def lock_email(connection: asyncpg.Connection, folded: str) -> int:
    """Lock the row of a case-folded address until the transaction ends, and return its id. Makes a missing row."""
    return await connection.fetchval(*_SQL["lock_email"](folded=folded))


async def is_address_of_user(connection: asyncpg.Connection, user_id: str, email_id: int) -> bool:
    """Whether the user has this address row now."""
    return await connection.fetchval(*_SQL["is_address_of_user"](user_id=user_id, email_id=email_id))


async def lock_address_of_user(connection: asyncpg.Connection, user_id: str) -> int | None:
    """Lock the row of the user's address, and return its id; None: there is no such user.

    The previous holder of the lock may have moved the user to another address. Then the row of that one is locked.
    """

    async def attempt() -> int | None:
        email_id = await connection.fetchval(*_SQL["lock_email_of_user"](user_id=user_id))
        if email_id is None or await is_address_of_user(connection, user_id, email_id):
            return email_id
        raise WrongRow

    return await lock_the_right_row(connection, attempt)


async def lock_agent(connection: asyncpg.Connection, agent_id: str) -> bool:
    """Lock the row of an agent until the transaction ends. False: there is no such agent."""
    return await connection.fetchval(*_SQL["lock_agent"](agent_id=agent_id)) is not None


async def user_has_session(connection: asyncpg.Connection, user_id: str, device_session_id: str) -> bool:
    """Whether a session, active or not, belongs to the user."""
    return await connection.fetchval(*_SQL["user_has_session"](user_id=user_id, device_session_id=device_session_id))


async def queue_session_again(connection: asyncpg.Connection, device_session_id: str) -> tuple[ProjectionChange, ...]:
    """Queue the gateway record of a session that did not change. Empty: there is no such session."""
    rows = await connection.fetch(*_SQL["queue_session_again"](device_session_id=device_session_id))
    return tuple(map(projection_change, rows))


async def read_session(connection: asyncpg.Connection, device_session_id: str) -> DeviceSession | None:
    """The session of that id; None if there is none."""
    row = await connection.fetchrow(*_SQL["read_session"](device_session_id=device_session_id))
    return None if row is None else device_session(row)


async def list_sessions(
    connection: asyncpg.Connection,
    user_id: str,
    status: SessionStatus | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Page[DeviceSession]:
    """A user's sessions by creation, newest first, then by id; those `after` an instant and id, at most `limit`."""
    created_at, device_session_id = after or (None, "")
    page = {
        "user_id": user_id,
        "after_created_at": created_at,
        "after_session_id": device_session_id,
        "limit": limit + 1,
    }
    if status == "active":
        rows = await connection.fetch(*_SQL["list_active_sessions"](**page))
    else:
        statuses = [status] if status else ["active", "revoked"]
        rows = await connection.fetch(*_SQL["list_sessions"](statuses=statuses, **page))
    return cut_page([device_session(row) for row in rows], limit)


async def _revoke_session(connection: asyncpg.Connection, command: RevokeSession) -> RevokeSessionOutcome:
    session_id = command.device_session_id
    if await connection.fetchval(*_SQL["lock_email_of_session"](device_session_id=session_id)) is None:
        await connection.execute(*_SQL["lock_agent_of_session"](device_session_id=session_id))
    return await revoke_locked_session(connection, session_id, command.cause)


async def revoke_locked_session(connection: asyncpg.Connection, session_id: str, cause: Cause) -> RevokeSessionOutcome:
    """Revoke one session, or queue its record again if it was revoked before. It writes no audit row.

    Call it inside a transaction that has locked the row of the session's address or agent.
    """
    revoked = await connection.fetchrow(
        *_SQL["revoke_session"](
            device_session_id=session_id,
            reason_code=cause.reason_code,
            actor_type=cause.actor.type,
            actor_id=cause.actor.id,
        )
    )
    if revoked is not None:
        return Revoked((projection_change(revoked),))
    changes = await queue_session_again(connection, session_id)
    return AlreadyRevoked(changes) if changes else SessionNotFound()


async def _is_locked_agent(connection: asyncpg.Connection, user_id: str) -> bool:
    return is_agent_id(user_id) and await lock_agent(connection, user_id)


async def _revoke_user_sessions(
    connection: asyncpg.Connection, command: RevokeUserSessions, done: Done
) -> RevokeUserSessionsOutcome | Part:
    email_id = await lock_address_of_user(connection, command.user_id)
    if email_id is None and not await _is_locked_agent(connection, command.user_id):
        # perhaps the user was erased between two parts, with all sessions
        return Revoked((), done.session_ids) if done.session_ids else UserNotFound()
    kept = command.except_device_session_id
    if kept is not None and not await user_has_session(connection, command.user_id, kept):
        return NotOfThisUser()
    revoked = await revoke_active_sessions(connection, email_id, command.user_id, command.cause, kept, done.after)
    if not revoked.is_all:
        return Part(revoked.changes, done.and_revoked(revoked.changes, Revoked.name))
    return Revoked(revoked.changes, done.session_ids) if revoked.changes or done.session_ids else NoActiveSessions()
