"""Appends rows to the audit trail. Both services may insert rows; neither has the right to change one."""

import json
from collections.abc import Iterable

import asyncpg

from shared.audit.event import AuditEvent
from shared.io import queries

_SQL = queries.load("shared.audit")


async def insert_audit_event(connection: asyncpg.Connection, event: AuditEvent) -> None:
    """Append a row. Call it in the transaction of the change, so that neither exists without the other."""
    await connection.execute(*_SQL["insert_audit_event"](**_row(event)))


async def insert_audit_events(connection: asyncpg.Connection, events: Iterable[AuditEvent]) -> None:
    """Append several rows in one round trip, in the transaction of the changes."""
    await connection.executemany(*_SQL["insert_audit_event"].many(map(_row, events)))


def _row(event: AuditEvent) -> dict[str, str | None]:
    actor_type, actor_id = (event.actor.type, event.actor.id) if event.actor else (None, None)
    return {
        "event": event.event,
        "outcome": event.outcome,
        "caller": event.caller,
        "actor_type": actor_type,
        "actor_id": actor_id,
        "network": event.network,
        "request_id": event.request_id,
        "subject": event.subject,
        "reason_code": event.reason_code,
        "details": json.dumps(dict(event.details)) if event.details else None,
    }
