"""Rows of the audit trail about mutations. A subject is an id, never other text that a caller typed into a path."""

import re

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.callers.identity import Caller, Cause
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.kernel.actor import Actor

_ID = re.compile(
    r"(?:user|device-session|operator|operator-session|token|node|join-token|gateway-config|agent|secret|connection|invitation)"
    r"-[0-9A-Za-z_-]{1,100}"
)


def audit_subject_of_email(email_id: int) -> str:
    """The name of an address in the trail: the id of its row. So the erasure of a person leaves the trail whole."""
    return f"email-{email_id}"


def audit_subject_of_id(text: str) -> str | None:
    """The id itself; None for text that no id could be, such as an address in the wrong place."""
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
    """Append one row about operators, their sessions or tokens, in the name of the caller.

    Only the command line names an actor besides: the person at the terminal.
    """
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
