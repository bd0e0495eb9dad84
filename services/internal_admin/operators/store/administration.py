"""Units of work of the command line on operators. Each is one transaction; every outcome is audited."""

from collections.abc import Sequence

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.operators.domain.administration import (
    AlreadyDisabled,
    AlreadyEnabled,
    DisableOutcome,
    EnableOutcome,
    ListedOperator,
    OperatorDisabled,
    OperatorEnabled,
    OperatorNotFound,
    OperatorReset,
    ResetOutcome,
)
from services.internal_admin.operators.domain.user_name import fold_user_name
from services.internal_admin.operators.store.accounts import (
    revoke_all_of_operator,
    write_password,
    write_recovery_codes,
)
from shared.io import queries
from shared.kernel.actor import Actor

_SQL = queries.load("services.internal_admin.operators.store", "administration.sql")


async def list_operators(connection: asyncpg.Connection) -> Sequence[ListedOperator]:
    """All operators, by their creation."""
    return [ListedOperator(**row) for row in await connection.fetch(*_SQL["list_operators"]())]


async def disable_operator(connection: asyncpg.Connection, name: str, caller: Caller, actor: Actor) -> DisableOutcome:
    """Disable an operator, by user name or id. Every replica refuses the next request of their sessions and tokens."""
    async with connection.transaction():
        row = await _lock(connection, name)
        outcome = await _disable(connection, row)
        await _audit(connection, EventName.DISABLE_OPERATOR, row, outcome, caller, actor)
        return outcome


async def enable_operator(connection: asyncpg.Connection, name: str, caller: Caller, actor: Actor) -> EnableOutcome:
    """Let an operator log in again, by user name or id."""
    async with connection.transaction():
        row = await _lock(connection, name)
        outcome = await _enable(connection, row)
        await _audit(connection, EventName.ENABLE_OPERATOR, row, outcome, caller, actor)
        return outcome


async def reset_operator(
    connection: asyncpg.Connection, name: str, password_hash: str, code_hash: str, caller: Caller, actor: Actor
) -> ResetOutcome:
    """Leave an operator one recovery code and nothing else. `password_hash` is of a password that nobody knows."""
    async with connection.transaction():
        row = await _lock(connection, name)
        outcome = await _reset(connection, row, password_hash, code_hash)
        await _audit(connection, EventName.RESET_OPERATOR, row, outcome, caller, actor)
        return outcome


async def _lock(connection: asyncpg.Connection, name: str) -> asyncpg.Record | None:
    return await connection.fetchrow(*_SQL["lock_named_operator"](name=fold_user_name(name)))


async def _disable(connection: asyncpg.Connection, row: asyncpg.Record | None) -> DisableOutcome:
    if row is None:
        return OperatorNotFound()
    if row["is_disabled"]:
        return AlreadyDisabled(row["user_name"])
    await connection.execute(*_SQL["disable_operator"](operator_id=row["operator_id"]))
    revoked = await revoke_all_of_operator(connection, row["operator_id"], "operator_disabled")
    return OperatorDisabled(row["user_name"], revoked.sessions, revoked.tokens)


async def _enable(connection: asyncpg.Connection, row: asyncpg.Record | None) -> EnableOutcome:
    if row is None:
        return OperatorNotFound()
    if not row["is_disabled"]:
        return AlreadyEnabled(row["user_name"])
    await connection.execute(*_SQL["enable_operator"](operator_id=row["operator_id"]))
    return OperatorEnabled(row["user_name"])


async def _reset(
    connection: asyncpg.Connection, row: asyncpg.Record | None, password_hash: str, code_hash: str
) -> ResetOutcome:
    if row is None:
        return OperatorNotFound()
    operator_id = row["operator_id"]
    await write_password(connection, operator_id, password_hash)
    await write_recovery_codes(connection, operator_id, [code_hash])
    revoked = await revoke_all_of_operator(connection, operator_id, "operator_reset")
    return OperatorReset(row["user_name"], row["is_disabled"], revoked.sessions, revoked.tokens)


async def _audit(
    connection: asyncpg.Connection,
    event: EventName,
    row: asyncpg.Record | None,
    outcome: DisableOutcome | EnableOutcome | ResetOutcome,
    caller: Caller,
    actor: Actor,
) -> None:
    """Append the audit row. A name that nobody has stays out of it, because it may be anything."""
    counts = isinstance(outcome, OperatorDisabled | OperatorReset)
    await insert_operator_event(
        connection,
        event,
        outcome.name,
        caller,
        actor=actor,
        subject=None if row is None else row["operator_id"],
        revoked_session_count=outcome.session_count if counts else None,
        revoked_token_count=outcome.token_count if counts else None,
    )
