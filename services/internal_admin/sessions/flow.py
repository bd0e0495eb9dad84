"""Flow: list a user's sessions."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from services.internal_admin.callers.page import Page
from services.internal_admin.changes.flow import Change
from services.internal_admin.sessions import store
from services.internal_admin.sessions.domain import (
    RevokeSession,
    RevokeSessionOutcome,
    RevokeUserSessions,
    RevokeUserSessionsOutcome,
)
from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession, SessionStatus

PAGE = 500
"""Sessions read and encoded at a time: some milliseconds of the process."""


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Those of one status, or all; those `after` the session created then with that id, or from the newest on; at most
    `limit`, or all."""

    user_id: str
    status: SessionStatus | None = None
    after: tuple[datetime, str] | None = None
    limit: int | None = None


async def list_sessions(query: ListSessions, postgres: Postgres) -> AsyncGenerator[Page[DeviceSession]]:
    """By creation, newest first, then by id, at most `PAGE` in each page. Empty for an unknown user.

    Each page is as it was when it was read: a session that ends meanwhile is shown as active in one, or not at all.
    """
    after, left = query.after, query.limit
    while True:
        size = PAGE if left is None else min(PAGE, left)
        page = await postgres.unit_of_work(partial(
            store.list_sessions, user_id=query.user_id, status=query.status, after=after, limit=size
        ))  # fmt: skip
        yield page
        left = None if left is None else left - size
        if not page.has_more or left == 0:
            return
        last = page.items[-1]
        after = (last.created_at, last.device_session_id)


async def read_session(device_session_id: str, postgres: Postgres) -> DeviceSession | None:
    """The session as Postgres has it, None if there is none."""
    return await postgres.unit_of_work(partial(store.read_session, device_session_id=device_session_id))


ResultT = TypeVar("ResultT")


async def revoke_session(command: RevokeSession, change: Change[RevokeSessionOutcome, ResultT]) -> ResultT:
    """Revoke, and return when gateways can see it. A repeat changes nothing and writes the record again (SPEC §4.3)."""
    return await change.make(partial(store.revoke_session, command=command))


async def revoke_user_sessions(
    command: RevokeUserSessions, change: Change[RevokeUserSessionsOutcome, ResultT]
) -> ResultT:
    """Revoke, and return when gateways can see it. A repeat finds no active session and writes nothing again."""
    return await change.make_in_parts(partial(store.revoke_user_sessions, command=command))
