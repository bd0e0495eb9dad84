"""Revokes sessions that are active in Postgres but revoked at the gateway (SPEC §6.4). Needs the internal role."""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from contracts.audit_events import EventName
from contracts.gateway import MalformedRecord, decode_record
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.device_session import DeviceSession
from shared.projection import metrics, store
from shared.projection.projection import Projection, StoredRecord

REASON = "projection_revoked"
IDLE = timedelta(seconds=5)
BATCH = 100


class Reconciler:
    """Resolves the conflicts that keepers and relays noted. A worker of the internal process."""

    def __init__(self, postgres: Postgres, projection: Projection) -> None:
        self._postgres = postgres
        self._projection = projection

    async def step(self) -> int:
        """Resolve a batch of notes, and return their number. Only a record that says revoked revokes its session."""
        noted = await self._postgres.unit_of_work(store.read_conflicts, BATCH)
        if not noted:
            return 0
        records = await self._projection.read(noted)
        revoked = [session_id for session_id, stored in zip(noted, records, strict=True) if _says_revoked(stored)]
        conflicts = await self._postgres.unit_of_work(_resolve, noted, revoked)
        metrics.CONFLICTS.add(conflicts)
        return len(noted)


def _says_revoked(stored: StoredRecord | None) -> bool:
    try:
        return stored is not None and decode_record(stored.value).status == "revoked"
    except MalformedRecord:
        return False


async def _resolve(connection: asyncpg.Connection, noted: Sequence[str], revoked: Sequence[str]) -> int:
    """Revoke, and return the number of real conflicts. Most noted sessions were revoked in Postgres meanwhile."""
    async with connection.transaction():
        sessions = await store.revoke_sessions(connection, revoked, REASON)
        for session in sessions:
            await insert_audit_event(connection, _event(session))
        await store.delete_conflicts(connection, noted)
    return len(sessions)


def _event(session: DeviceSession) -> AuditEvent:
    return AuditEvent(
        event=EventName.REVOKE_SESSION,
        outcome="revoked",
        caller="system",
        actor=Actor("system", None),
        subject=session.device_session_id,
        reason_code=REASON,
    )
