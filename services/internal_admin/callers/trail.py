"""Store: the audit row of a mutation of this service."""

import asyncpg

from services.internal_admin.callers.mutation import Caller, Cause
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.kernel.actor import Actor


async def insert_mutation_event(
    connection: asyncpg.Connection, event: str, outcome: str, subject: str | None, cause: Cause, **details: object
) -> None:
    """Append one row, with the authenticated caller and the claimed actor apart (SPEC §4.4)."""
    caller = cause.caller
    await insert_audit_event(
        connection,
        AuditEvent(
            event=event,
            outcome=outcome,
            caller=caller.name,
            actor=cause.actor,
            network=caller.network,
            request_id=caller.request_id,
            subject=subject,
            reason_code=cause.reason_code,
            details={name: value for name, value in details.items() if value is not None},
        ),
    )


async def insert_operator_event(
    connection: asyncpg.Connection,
    event: str,
    outcome: str,
    caller: Caller,
    *,
    actor: Actor | None = None,
    subject: str | None = None,
    reason_code: str | None = None,
    **details: object,
) -> None:
    """Append one row about operators, their sessions or tokens: the caller acted. Only the command line names an
    actor besides: who sits at it."""
    await insert_audit_event(
        connection,
        AuditEvent(
            event=event,
            outcome=outcome,
            caller=caller.name,
            actor=actor,
            network=caller.network,
            request_id=caller.request_id,
            subject=subject,
            reason_code=reason_code,
            details={name: value for name, value in details.items() if value is not None},
        ),
    )
