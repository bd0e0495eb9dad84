"""Listing a user's sessions, page by page, so that a long list holds neither Postgres nor the process."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime

from contracts.session_status import SessionStatus
from services.internal_admin.callers.page import Page
from services.internal_admin.sessions import store
from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession

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
        page = await postgres.unit_of_work(store.list_sessions, query.user_id, query.status, after, size)
        yield page
        left = None if left is None else left - size
        if not page.has_more or left == 0:
            return
        last = page.items[-1]
        after = (last.created_at, last.device_session_id)
