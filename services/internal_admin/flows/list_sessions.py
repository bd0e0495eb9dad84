"""Flow: list a user's sessions."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from services.internal_admin.domain.page import Page
from services.internal_admin.store import sessions
from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession, SessionStatus


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Those of one status, or all; those `after` the session created then with that id, or from the newest on; at most
    `limit`, or all."""

    user_id: str
    status: SessionStatus | None = None
    after: tuple[datetime, str] | None = None
    limit: int | None = None


async def list_sessions(query: ListSessions, postgres: Postgres) -> Page[DeviceSession]:
    """By creation, newest first, then by id. Empty for an unknown user."""
    reading = partial(
        sessions.list_sessions, user_id=query.user_id, status=query.status, after=query.after, limit=query.limit
    )
    return await postgres.unit_of_work(reading)
