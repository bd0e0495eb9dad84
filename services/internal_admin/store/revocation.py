"""Store: the units of work that revoke sessions.

Each is one transaction: the e-mail's row is locked by a statement of its own (so that the snapshots after it are
younger than the lock) and its version rises; then sessions and their outbox rows; then the audit row.
"""

import asyncpg

from services.internal_admin.domain.audit_subject import audit_subject_of_id
from services.internal_admin.domain.mutation import Cause
from services.internal_admin.domain.revocation import (
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
from services.internal_admin.store.audit import insert_mutation_event
from services.internal_admin.store.statements import SQL
from shared.kernel.projection_change import ProjectionChange
from shared.sessions.store import projection_change


async def revoke_session(connection: asyncpg.Connection, command: RevokeSession) -> RevokeSessionOutcome:
    """Revoke one session, or queue its record again if that was done before. Audited whatever the outcome."""
    async with connection.transaction():
        outcome = await _revoke_session(connection, command)
        subject = audit_subject_of_id(command.device_session_id)
        await insert_mutation_event(connection, "security.revoke_session", outcome.name, subject, command.cause)
        return outcome


async def revoke_user_sessions(
    connection: asyncpg.Connection, command: RevokeUserSessions
) -> RevokeUserSessionsOutcome:
    """Revoke the user's active sessions but the excepted one. Audited whatever the outcome."""
    async with connection.transaction():
        outcome = await _revoke_user_sessions(connection, command)
        await insert_mutation_event(
            connection,
            "security.revoke_user_sessions",
            outcome.name,
            audit_subject_of_id(command.user_id) if isinstance(outcome, UserNotFound) else command.user_id,
            command.cause,
            affected_session_count=len(outcome.changes),
        )
        return outcome


async def revoke_active_sessions(
    connection: asyncpg.Connection,
    email_id: int,
    user_id: str | None,
    cause: Cause,
    except_device_session_id: str | None = None,
) -> tuple[ProjectionChange, ...]:
    """Revoke the active sessions of an address' users, or of one of them, inside a transaction that has locked the
    address' row. Newest first, then by id."""
    rows = await connection.fetch(
        SQL["revoke_sessions"],
        email_id,
        user_id,
        except_device_session_id,
        cause.reason_code,
        cause.actor.type,
        cause.actor.id,
    )
    return tuple(map(projection_change, rows))


async def _revoke_session(connection: asyncpg.Connection, command: RevokeSession) -> RevokeSessionOutcome:
    session_id, cause = command.device_session_id, command.cause
    await connection.execute(SQL["lock_email_of_session"], session_id)
    revoked = await connection.fetchrow(
        SQL["revoke_session"], session_id, cause.reason_code, cause.actor.type, cause.actor.id
    )
    if revoked is not None:
        return Revoked((projection_change(revoked),))
    queued_again = await connection.fetch(SQL["queue_session_again"], session_id)
    return AlreadyRevoked(tuple(map(projection_change, queued_again))) if queued_again else SessionNotFound()


async def _revoke_user_sessions(
    connection: asyncpg.Connection, command: RevokeUserSessions
) -> RevokeUserSessionsOutcome:
    email_id = await connection.fetchval(SQL["lock_email_of_user"], command.user_id)
    if email_id is None:
        return UserNotFound()
    kept = command.except_device_session_id
    if kept is not None and not await connection.fetchval(SQL["user_has_session"], command.user_id, kept):
        return NotOfThisUser()
    changes = await revoke_active_sessions(connection, email_id, command.user_id, command.cause, kept)
    return Revoked(changes) if changes else NoActiveSessions()
