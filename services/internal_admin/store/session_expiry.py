"""Store: the unit of work that revokes sessions of more than `session_max_age` (SPEC §5.3)."""

import asyncpg

from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_events
from shared.io import queries
from shared.kernel.actor import Actor
from shared.kernel.device_session import DeviceSession
from shared.outbox.store import revoke_sessions

REASON = "session_expired"

_SQL = queries.load_texts("services.internal_admin.store", "retention.sql")


async def revoke_aged_sessions(connection: asyncpg.Connection, limit: int) -> int:
    """Revoke up to `limit` of them, oldest first; how many there were.

    One transaction: the e-mails' rows first, then sessions with their outbox rows, then audit rows. Somebody else may
    revoke one meanwhile: it keeps their reason.
    """
    async with connection.transaction():
        aged = [row["device_session_id"] for row in await connection.fetch(_SQL["read_aged_sessions"], limit)]
        if aged:
            revoked = await revoke_sessions(connection, aged, REASON)
            await insert_audit_events(connection, map(_event, revoked))
    return len(aged)


def _event(session: DeviceSession) -> AuditEvent:
    return AuditEvent(
        event="security.revoke_session",
        outcome="revoked",
        caller="system",
        actor=Actor("system", None),
        subject=session.device_session_id,
        reason_code=REASON,
    )
