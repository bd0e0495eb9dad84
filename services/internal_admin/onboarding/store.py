"""The state of the first run, and the unit of work that does one step."""

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.onboarding import OnboardingStep
from services.internal_admin.callers.identity import Caller
from services.internal_admin.onboarding.domain import (
    Advanced,
    AdvanceOutcome,
    AlreadyDone,
    NotTheOwner,
    Onboarding,
    OutOfOrder,
    decide_step,
)
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io import queries

_SQL = queries.load("services.internal_admin.onboarding")


async def read_onboarding(connection: asyncpg.Connection) -> Onboarding:
    """Read every step in one snapshot."""
    [row] = await connection.fetch(*_SQL["read_onboarding"](operator_id=None))
    return _onboarding(row)


async def advance_onboarding(
    connection: asyncpg.Connection, step: OnboardingStep, operator_id: str, caller: Caller
) -> AdvanceOutcome:
    """Do one step, if it is the next. A repeat changes nothing. Every outcome is audited."""
    async with connection.transaction():
        await connection.execute(*_SQL["lock_owner"]())
        outcome = await _advance(connection, step, operator_id)
        await insert_audit_event(connection, _event(step, outcome, operator_id, caller))
        return outcome


async def _advance(connection: asyncpg.Connection, step: OnboardingStep, operator_id: str) -> AdvanceOutcome:
    [row] = await connection.fetch(*_SQL["read_onboarding"](operator_id=operator_id))
    if not row["is_owner"]:
        return NotTheOwner()
    match decide_step(_onboarding(row), step):
        case "already_done":
            return AlreadyDone(_onboarding(row))
        case "out_of_order":
            return OutOfOrder()
        case "advance":
            await connection.execute(*_SQL["write_step"](step=step, operator_id=operator_id))
            return Advanced(await read_onboarding(connection))


def _onboarding(row: asyncpg.Record) -> Onboarding:
    return Onboarding(row["owner_claimed_at"], row["recovery_codes_stored_at"], row["settings_reviewed_at"])


def _event(step: OnboardingStep, outcome: AdvanceOutcome, operator_id: str, caller: Caller) -> AuditEvent:
    return AuditEvent(
        event=EventName.ADVANCE_ONBOARDING,
        outcome=outcome.name,
        caller=caller.name,
        network=caller.network,
        request_id=caller.request_id,
        subject=operator_id,
        details={"step": step},
    )
