"""Flow: what an installation tells about its operators before anybody logged in."""

from dataclasses import dataclass

import asyncpg

from services.internal_admin.operator_sessions import store
from services.internal_admin.operator_sessions.domain import HeldSession
from shared.io.postgres import Postgres


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
