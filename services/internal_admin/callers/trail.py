"""Domain: what the audit trail calls the subject of a mutation. Ids only, whatever an operator typed into a path."""

import re

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.callers.identity import Caller, Cause
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.kernel.actor import Actor

_ID = re.compile(r"(?:user|device-session|operator|operator-session|token)-[0-9A-Za-z_-]{1,100}")


def audit_subject_of_email(email_id: int) -> str:
    """An address is named by its row: erasing a person leaves the trail whole."""
    return f"email-{email_id}"


def audit_subject_of_id(text: str) -> str | None:
    """The id itself; None for text that no id could be (an address typed in the wrong place, say)."""
    return text if _ID.fullmatch(text) else None


async def insert_mutation_event(
    connection: asyncpg.Connection, event: EventName, outcome: str, subject: str | None, cause: Cause, **details: object
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
    event: EventName,
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
