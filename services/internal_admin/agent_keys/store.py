"""Units of work on agents' sessions. Each holds the agent's row, so none comes between a pause and a registration.

A registration is one transaction: the agent's row, then sessions with their outbox rows, then audit rows.
"""

from dataclasses import replace

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.agent_keys.domain import (
    MAX_ACTIVE_SESSIONS,
    PAUSED,
    AgentNotActive,
    AgentNotFound,
    AlreadyRegistered,
    Open,
    Registered,
    RegisterKey,
    RegisterOutcome,
    Sessions,
    TooManySessions,
    actor_of,
    decide,
)
from services.internal_admin.callers.identity import Caller, Cause
from services.internal_admin.callers.trail import audit_subject_of_id, insert_mutation_event, insert_operator_event
from services.internal_admin.publication.domain.subject import Command, Subject
from services.internal_admin.sessions.store import lock_agent, queue_session_again, revoke_active_sessions
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_events
from shared.io import queries
from shared.kernel.actor import Actor
from shared.kernel.device_session import DeviceSession
from shared.kernel.projection_change import ProjectionChange
from shared.sessions.store import projection_change

_SQL = queries.load("services.internal_admin.agent_keys")


async def register_key(connection: asyncpg.Connection, command: RegisterKey) -> RegisterOutcome:
    """Open a session for an active agent, or return the one that the key opened before. Every outcome is audited."""
    async with connection.transaction():
        outcome = await _register(connection, command)
        is_session = isinstance(outcome, Registered | AlreadyRegistered)
        await insert_operator_event(
            connection,
            EventName.REGISTER_AGENT_KEY,
            outcome.name,
            command.caller,
            subject=audit_subject_of_id(command.agent_id),
            device_session_id=outcome.device_session_id if is_session else None,
        )
        return outcome


async def revoke_paused(
    connection: asyncpg.Connection, subject: Subject, command: Command
) -> tuple[ProjectionChange, ...]:
    """Revoke every active session of an agent, audited. It is the hook `when_paused` of the kind of agents.

    The pause holds the agent's row, so no session is opened meanwhile, and there are at most `MAX_ACTIVE_SESSIONS`.
    A repeat finds none, and returns the changes that no relay has published yet.
    """
    agent_id, caller = subject.subject_id, command.caller
    cause = Cause(PAUSED, command.actor or actor_of(caller), caller)
    pending = await connection.fetch(*_SQL["read_pending_revocations"](agent_id=agent_id, limit=MAX_ACTIVE_SESSIONS))
    revoked = await _revoke_all(connection, agent_id, cause)
    if revoked:
        await insert_mutation_event(
            connection,
            EventName.REVOKE_USER_SESSIONS,
            "revoked",
            audit_subject_of_id(agent_id),
            cause,
            affected_session_count=len(revoked),
        )
    return (*map(projection_change, pending), *revoked)


async def _revoke_all(connection: asyncpg.Connection, agent_id: str, cause: Cause) -> tuple[ProjectionChange, ...]:
    changes: tuple[ProjectionChange, ...] = ()
    while True:
        revoked = await revoke_active_sessions(connection, None, agent_id, cause)
        changes += revoked.changes
        if revoked.is_all:
            return changes


async def _register(connection: asyncpg.Connection, command: RegisterKey) -> RegisterOutcome:
    if not await lock_agent(connection, command.agent_id):
        return AgentNotFound()
    pools = await connection.fetchval(*_SQL["read_active_pools"](agent_id=command.agent_id))
    if pools is None or command.pool not in (None, *pools):
        return AgentNotActive()
    decision = decide(await _sessions(connection, command))
    match decision:
        case Open(revokes_oldest):
            return await _open(connection, command, revokes_oldest=revokes_oldest)
        case AlreadyRegistered(device_session_id):
            return replace(decision, changes=await queue_session_again(connection, device_session_id))
        case TooManySessions():
            return decision


async def _sessions(connection: asyncpg.Connection, command: RegisterKey) -> Sessions:
    row = await connection.fetchrow(
        *_SQL["read_sessions"](agent_id=command.agent_id, client_public_key=command.key.raw)
    )
    assert row is not None
    return Sessions(row["with_key"], row["active"], row["living"], row["session_limit"], row["session_limit_policy"])


async def _open(connection: asyncpg.Connection, command: RegisterKey, *, revokes_oldest: bool) -> Registered:
    opened = await connection.fetch(
        *_SQL["insert_session"](
            device_session_id=command.device_session_id,
            agent_id=command.agent_id,
            client_public_key=command.key.raw,
        )
    )
    gone = await connection.fetch(*_SQL["revoke_oldest"](agent_id=command.agent_id)) if revokes_oldest else []
    changes = tuple(map(projection_change, (*opened, *gone)))
    revoked = [change.session for change in changes if change.session.status == "revoked"]
    await insert_audit_events(connection, [_gave_way(session, command.caller) for session in revoked])
    return Registered(command.device_session_id, changes)


def _gave_way(session: DeviceSession, caller: Caller) -> AuditEvent:
    return AuditEvent(
        event=EventName.REVOKE_SESSION,
        outcome="revoked",
        caller=caller.name,
        actor=Actor("system", None),
        network=caller.network,
        request_id=caller.request_id,
        subject=session.device_session_id,
        reason_code=session.revoke_reason_code,
        details={"user_id": session.user_id},
    )
