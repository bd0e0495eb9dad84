"""Units of work and statements of operators' sessions (SPEC §10.4).

A change that a caller asks for is a transaction with its audit row.
Every other function is one statement, in the transaction of its caller if there is one.
"""

from dataclasses import replace
from datetime import timedelta

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.operator_sessions import SessionHolder
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import audit_subject_of_id, insert_operator_event
from services.internal_admin.operator_sessions.domain import (
    HeldSession,
    OperatorSession,
    ReadSession,
    RevokeOperatorSession,
    RevokeOutcome,
    SessionClient,
    SessionLives,
    Status,
    rests,
    session_state,
)
from shared.io import queries
from shared.kernel.faults import InvariantBroken

_SQL = queries.load("services.internal_admin.operator_sessions")


async def begin_session(
    connection: asyncpg.Connection,
    operator_id: str,
    *,
    operator_session_id: str,
    token_hash: bytes,
    client: SessionClient,
    absolute_life: timedelta,
) -> OperatorSession:
    """Open a session for an operator authenticated in this transaction. Raises for an id or hash that is in use."""
    row = await connection.fetchrow(
        *_SQL["begin_session"](
            operator_session_id=operator_session_id,
            operator_id=operator_id,
            token_hash=token_hash,
            network=client.network,
            user_agent=client.user_agent,
            life=absolute_life,
        ),
    )
    if row is None:
        raise InvariantBroken("an insert returns its row")
    return _session(row)


async def revoke_operator_sessions(
    connection: asyncpg.Connection, operator_id: str, *, except_id: str | None, reason_code: str
) -> int:
    """Revoke each session of the operator except `except_id`; return their number. The caller audits.

    Every replica refuses the next request of such a session.
    """
    return await connection.fetchval(
        *_SQL["revoke_sessions_of_operator"](
            operator_id=operator_id, kept_session_id=except_id, reason_code=reason_code
        )
    )


async def read_session_of_token(connection: asyncpg.Connection, token_hash: bytes) -> ReadSession | None:
    """The session of a token. None if it is unknown or revoked, or if its operator is disabled."""
    return _read(await connection.fetchrow(*_SQL["read_session_of_token"](token_hash=token_hash)))


async def read_session(connection: asyncpg.Connection, operator_session_id: str) -> ReadSession | None:
    """The session of an id. None if it is unknown or revoked, or if its operator is disabled."""
    return _read(await connection.fetchrow(*_SQL["read_session"](operator_session_id=operator_session_id)))


async def renew_session(
    connection: asyncpg.Connection, operator_session_id: str, lives: SessionLives, caller: Caller
) -> ReadSession | None:
    """Begin the idle life of a session anew, audited; None if it ended. Of several at once the first one renews."""
    async with connection.transaction():
        read = _read(await connection.fetchrow(*_SQL["lock_session"](operator_session_id=operator_session_id)))
        if read is not None and rests(read.held.session, read.now):
            return read
        renewed = None if read is None else await _renewed(connection, read, lives)
        outcome = "session_ended" if renewed is None else "renewed"
        await insert_operator_event(
            connection, EventName.RENEW_OPERATOR_SESSION, outcome, caller, subject=operator_session_id
        )
        return renewed


async def list_sessions(
    connection: asyncpg.Connection, operator_id: str, idle_life: timedelta
) -> tuple[OperatorSession, ...]:
    """The operator's live sessions, newest first, then by id."""
    return tuple(
        map(_session, await connection.fetch(*_SQL["list_sessions"](operator_id=operator_id, idle_life=idle_life)))
    )


async def revoke_session(connection: asyncpg.Connection, command: RevokeOperatorSession) -> RevokeOutcome:
    """Revoke one session. A repeat changes nothing. Every outcome is audited."""
    async with connection.transaction():
        outcome = await _revoke_session(connection, command)
        event = EventName.LOG_OUT if command.reason_code == "log_out" else EventName.REVOKE_OPERATOR_SESSION
        subject = audit_subject_of_id(command.operator_session_id)
        await insert_operator_event(connection, event, outcome, command.caller, subject=subject)
        return outcome


async def read_status(connection: asyncpg.Connection, operator_session_id: str | None) -> Status:
    """Whether the installation has an owner, and the session that asks."""
    has_owner = await connection.fetchval(*_SQL["has_owner"]())
    read = None if operator_session_id is None else await read_session(connection, operator_session_id)
    return Status(has_owner, read and read.held)


async def _renewed(connection: asyncpg.Connection, read: ReadSession, lives: SessionLives) -> ReadSession | None:
    session = read.held.session
    if session_state(session, read.now, lives) == "ended":
        return None
    await connection.execute(
        *_SQL["renew_session"](operator_session_id=session.operator_session_id, renewed_at=read.now)
    )
    return replace(read, held=replace(read.held, session=replace(session, renewed_at=read.now)))


async def _revoke_session(connection: asyncpg.Connection, command: RevokeOperatorSession) -> RevokeOutcome:
    session_id = command.operator_session_id
    if not await connection.fetchval(
        *_SQL["has_session_within_reach"](operator_session_id=session_id, operator_id=command.operator_id)
    ):
        return "session_not_found"
    is_revoked = await connection.fetchval(
        *_SQL["revoke_session"](operator_session_id=session_id, reason_code=command.reason_code)
    )
    return "revoked" if is_revoked else "already_revoked"


def _read(row: asyncpg.Record | None) -> ReadSession | None:
    if row is None:
        return None
    holder = SessionHolder(row["operator_id"], row["user_name"], row["is_owner"])
    return ReadSession(HeldSession(_session(row), holder), row["now"])


def _session(row: asyncpg.Record) -> OperatorSession:
    return OperatorSession(
        operator_session_id=row["operator_session_id"],
        operator_id=row["operator_id"],
        created_at=row["created_at"],
        renewed_at=row["renewed_at"],
        expires_at=row["expires_at"],
        network=row["network"],
        user_agent=row["user_agent"],
    )
