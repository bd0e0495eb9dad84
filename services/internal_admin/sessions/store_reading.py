"""Store: reading sessions. One statement each, no lock."""

from datetime import datetime

import asyncpg

from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.store.statements import SQL
from shared.kernel.device_session import DeviceSession, SessionStatus
from shared.sessions.store import device_session


async def read_session(connection: asyncpg.Connection, device_session_id: str) -> DeviceSession | None:
    """The session of that id, None if there is none."""
    row = await connection.fetchrow(SQL["read_session"], device_session_id)
    return None if row is None else device_session(row)


async def list_sessions(
    connection: asyncpg.Connection,
    user_id: str,
    status: SessionStatus | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Page[DeviceSession]:
    """A user's sessions by creation, newest first, then by id; those `after` an instant and id, at most `limit`."""
    created_at, device_session_id = after or (None, "")
    position = (created_at, device_session_id, limit + 1)
    if status == "active":
        rows = await connection.fetch(SQL["list_active_sessions"], user_id, *position)
    else:
        statuses = [status] if status else ["active", "revoked"]
        rows = await connection.fetch(SQL["list_sessions"], user_id, statuses, *position)
    return cut_page([device_session(row) for row in rows], limit)
