"""Flow: list an operator's sessions."""

from dataclasses import dataclass
from functools import partial

import asyncpg

from services.internal_admin.callers.identity import Caller
from services.internal_admin.operator_sessions import store
from services.internal_admin.operator_sessions.domain import (
    HeldSession,
    OperatorSession,
    ReadSession,
    RevokeOperatorSession,
    RevokeOutcome,
    SessionLives,
)
from shared.io.postgres import Postgres


async def list_operator_sessions(
    operator_id: str, lives: SessionLives, postgres: Postgres
) -> tuple[OperatorSession, ...]:
    """Those that live, newest first, then by id: all of them, since limits on log-ins and `lives.idle` bound them."""
    reading = partial(store.list_sessions, operator_id=operator_id, idle_life=lives.idle)
    return await postgres.unit_of_work(reading)


@dataclass(frozen=True, slots=True)
class Status:
    """`current` is the session that asks, None without one."""

    has_owner: bool
    current: HeldSession | None


async def read_status(operator_session_id: str | None, postgres: Postgres) -> Status:
    """Whether there is an owner, and that session."""

    async def body(connection: asyncpg.Connection) -> Status:
        has_owner = await store.has_owner(connection)
        if operator_session_id is None:
            return Status(has_owner, None)
        read = await store.read_session(connection, operator_session_id)
        return Status(has_owner, read and read.held)

    return await postgres.unit_of_work(body)


async def renew_operator_session(
    operator_session_id: str, lives: SessionLives, caller: Caller, postgres: Postgres
) -> ReadSession | None:
    """The session as renewed; None if it ended meanwhile. A repeat within `RENEWAL_REST` changes nothing."""
    renewal = partial(store.renew_session, operator_session_id=operator_session_id, lives=lives, caller=caller)
    return await postgres.unit_of_work(renewal)


async def revoke_operator_session(command: RevokeOperatorSession, postgres: Postgres) -> RevokeOutcome:
    """On return it is dead with its next request, on every replica."""
    return await postgres.unit_of_work(store.revoke_session, command)
