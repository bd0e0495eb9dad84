"""The worker that revokes sessions unused for `session_idle_age`, and its units of work (SPEC §20.5).

Nodes tell the day of last use. Where none does, every session looks unused, so the worker stops then. After a gap it
waits until nodes have told for a whole `session_idle_age` again, because nobody told of the uses in the gap.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from opentelemetry import metrics

from contracts.audit_events import EventName
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_events
from shared.io import queries
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.device_session import DeviceSession
from shared.lifecycle.supervision import Signal
from shared.projection.store import revoke_sessions

_SQL = queries.load("services.internal_admin.sessions")

REASON = "session_idle"
PAGE = 200
IDLE = timedelta(hours=1)
"""The time between two walks. Uses are told by day, so a shorter one would find no more."""
REST = 4.0

_START = (datetime(1, 1, 1, tzinfo=UTC), "")
_PAUSED = metrics.get_meter("authsession").create_gauge(
    "authsession.sessions.idle.paused",
    description="1 while `session_idle_age` is set and no node tells of last uses, so no unused session ends; else 0.",
)


@dataclass(frozen=True, slots=True)
class IdlePolicy:
    """Whether unused sessions end. `may_end`: nodes have told of last uses for long enough."""

    is_on: bool
    is_told: bool
    may_end: bool


@dataclass(frozen=True, slots=True)
class Walked:
    """Part of a walk: the last session that it reached (None: the end), and how many it revoked."""

    last: tuple[datetime, str] | None
    revoked: int


class UnusedSessions:
    """Walks over the active sessions, oldest first, again and again. Any number may run."""

    def __init__(self, postgres: Postgres, relay_wake: Signal) -> None:
        """`relay_wake` is notified of every page with revocations, so that the relay publishes them."""
        self._postgres = postgres
        self._relay_wake = relay_wake
        self._after = _START

    async def step(self) -> int:
        """Do the next page. Returns `PAGE` while the walk goes on, else 0.

        Raises `DependencyUnavailable("postgres")`. A repeat is harmless.
        """
        policy = await self._postgres.unit_of_work(read_idle_policy)
        _PAUSED.set(int(policy.is_on and not policy.is_told))
        if not policy.may_end:
            self._after = _START
            return 0
        walked = await self._postgres.unit_of_work(revoke_unused_sessions, self._after, limit=PAGE)
        if walked.revoked:
            self._relay_wake.notify()
        self._after = walked.last or _START
        return 0 if walked.last is None else PAGE


async def read_idle_policy(connection: asyncpg.Connection) -> IdlePolicy:
    row = await connection.fetchrow(*_SQL["read_idle_policy"]())
    assert row is not None
    return IdlePolicy(**row)


async def revoke_unused_sessions(connection: asyncpg.Connection, after: tuple[datetime, str], limit: int) -> Walked:
    """Look at `limit` sessions after one, and revoke those that are unused. One transaction, as for aged sessions."""
    created_at, session_id = after
    async with connection.transaction():
        page = await connection.fetch(
            *_SQL["page_unused_sessions"](after_created_at=created_at, after_session_id=session_id, limit=limit)
        )
        unused = [row["device_session_id"] for row in page if row["is_unused"]]
        if unused:
            revoked = await revoke_sessions(connection, unused, REASON)
            await insert_audit_events(connection, map(_event, revoked))
    last = (page[-1]["created_at"], page[-1]["device_session_id"]) if len(page) == limit else None
    return Walked(last, len(unused))


def _event(session: DeviceSession) -> AuditEvent:
    return AuditEvent(
        event=EventName.REVOKE_SESSION,
        outcome="revoked",
        caller="system",
        actor=Actor("system", None),
        subject=session.device_session_id,
        reason_code=REASON,
    )
