"""The list of a user's sessions, read page by page, so that a long list holds up neither Postgres nor the process."""

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
    """The query for a user's sessions: of one status or all, at most `limit` or all.

    `after` is the creation and the id of a session: the list begins after it. None: the list begins with the newest.
    """

    user_id: str
    status: SessionStatus | None = None
    after: tuple[datetime, str] | None = None
    limit: int | None = None


async def list_sessions(query: ListSessions, postgres: Postgres) -> AsyncGenerator[Page[DeviceSession]]:
    """Sessions by creation, newest first, then by id, at most `PAGE` in each page. Empty for an unknown user.

    Each page shows its sessions as they were when it was read. A session that ends meanwhile is shown as active, or in
    a list of active ones not at all.
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
