"""Store: the unit of work that revokes sessions of more than `session_max_age` (SPEC §5.3)."""

from datetime import timedelta

import asyncpg

from contracts.audit_events import EventName
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_events
from shared.io import queries
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.device_session import DeviceSession
from shared.lifecycle.supervision import Signal
from shared.projection.store import revoke_sessions

_SQL = queries.load("services.internal_admin.sessions")


REASON = "session_expired"


async def revoke_aged_sessions(connection: asyncpg.Connection, limit: int) -> int:
    """Revoke up to `limit` of them, oldest first; how many there were.

    One transaction: the e-mails' rows first, then sessions with their outbox rows, then audit rows. Somebody else may
    revoke one meanwhile: it keeps their reason.
    """
    async with connection.transaction():
        aged = [row["device_session_id"] for row in await connection.fetch(*_SQL["read_aged_sessions"](limit=limit))]
        if aged:
            revoked = await revoke_sessions(connection, aged, REASON)
            await insert_audit_events(connection, map(_event, revoked))
    return len(aged)


def _event(session: DeviceSession) -> AuditEvent:
    return AuditEvent(
        event=EventName.REVOKE_SESSION,
        outcome="revoked",
        caller="system",
        actor=Actor("system", None),
        subject=session.device_session_id,
        reason_code=REASON,
    )


BATCH = 100
IDLE = timedelta(seconds=20)
REST = 4.0
"""A lowered setting can age a million sessions at once: a fifth of the time is for them, the rest for logins."""


class SessionExpiry:
    """Any number may run. Gateways let go of such a session by themselves: its record ends with its age."""

    def __init__(self, postgres: Postgres, relay_wake: Signal) -> None:
        """`relay_wake` is notified of every batch: what was revoked is published by the relay."""
        self._postgres = postgres
        self._relay_wake = relay_wake

    async def step(self) -> int:
        """Revoke a batch; how many. Raises `DependencyUnavailable("postgres")`; repeats are harmless."""
        revoked = await self._postgres.unit_of_work(revoke_aged_sessions, limit=BATCH)
        if revoked:
            self._relay_wake.notify()
        return revoked
