"""The state of the first run, and the unit of work that does one step."""

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.onboarding import AdvanceOnboarding, OnboardingState, OnboardingStep
from services.internal_admin.callers.identity import Caller
from services.internal_admin.onboarding.domain import (
    WAITS_FOR,
    Advanced,
    AdvanceOutcome,
    AlreadyDone,
    Conditions,
    Done,
    NotTheOwner,
    Onboarding,
    OutOfOrder,
    Skipped,
    Unmet,
    decide_step,
    unmet_condition,
)
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io import queries

_SQL = queries.load("services.internal_admin.onboarding")


async def read_onboarding(connection: asyncpg.Connection) -> Onboarding:
    """Read every step in one snapshot."""
    rows = await connection.fetch(*_SQL["read_onboarding"]())
    done = {row["step"]: Done(row["done_at"], row["is_skipped"]) for row in rows}
    steps: dict[OnboardingState, Done | None] = {"claim_owner": done.get("owner_claimed")}
    return Onboarding({**steps, **{state: done.get(step) for step, state in WAITS_FOR.items()}})


async def advance_onboarding(
    connection: asyncpg.Connection, command: AdvanceOnboarding, operator_id: str, caller: Caller
) -> AdvanceOutcome:
    """Do or skip one step, if it is the next. A repeat changes nothing. Every outcome is audited."""
    async with connection.transaction():
        owner_id = await connection.fetchval(*_SQL["lock_owner"]())
        outcome = NotTheOwner() if owner_id != operator_id else await _advance(connection, command, operator_id)
        await insert_audit_event(connection, _event(command.step, outcome, operator_id, caller))
        return outcome


async def _advance(connection: asyncpg.Connection, command: AdvanceOnboarding, operator_id: str) -> AdvanceOutcome:
    onboarding = await read_onboarding(connection)
    match decide_step(onboarding, command.step):
        case "already_done":
            return AlreadyDone(onboarding)
        case "out_of_order":
            return OutOfOrder()
        case "advance":
            condition = None if command.skips else await _unmet(connection, command.step)
            if condition is not None:
                return Unmet(condition)
    await connection.execute(*_SQL["write_step"](step=command.step, operator_id=operator_id, is_skipped=command.skips))
    return (Skipped if command.skips else Advanced)(await read_onboarding(connection))


async def _unmet(connection: asyncpg.Connection, step: OnboardingStep) -> str | None:
    [row] = await connection.fetch(*_SQL["read_conditions"]())
    return unmet_condition(step, Conditions(row["has_verified_mail"], row["has_node"]))


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
