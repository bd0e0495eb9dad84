"""The worker that revokes sessions older than `session_max_age`, and its unit of work (SPEC §5.3)."""

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
BATCH = 100
IDLE = timedelta(seconds=20)
REST = 4.0
"""A lowered setting can age a million sessions at once. They get a fifth of the time; the rest is for logins."""


class SessionExpiry:
    """Any number may run. Gateways drop an aged session by themselves, because its record ends with its age."""

    def __init__(self, postgres: Postgres, relay_wake: Signal) -> None:
        """`relay_wake` is notified of every batch, so that the relay publishes the revocations."""
        self._postgres = postgres
        self._relay_wake = relay_wake

    async def step(self) -> int:
        """Revoke a batch and return its size. Repeats are harmless. Raises `DependencyUnavailable("postgres")`."""
        revoked = await self._postgres.unit_of_work(revoke_aged_sessions, limit=BATCH)
        if revoked:
            self._relay_wake.notify()
        return revoked


async def revoke_aged_sessions(connection: asyncpg.Connection, limit: int) -> int:
    """Revoke up to `limit` aged sessions, oldest first. Returns how many there were.

    One transaction: the e-mails' rows first, then sessions with their outbox rows, then audit rows. A session that
    another transaction revokes meanwhile keeps the reason of that one.
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
