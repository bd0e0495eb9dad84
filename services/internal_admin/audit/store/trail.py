"""Statements that list the audit trail, newest first (SPEC §10.2). Every page costs about the same."""

from datetime import UTC, datetime

import asyncpg

from contracts.control_plane.audit import AuditCursor, AuditFilter, AuditRow, ListedAuditRow
from services.internal_admin.audit.domain.page import AuditPage
from shared.io import queries

_SQL = queries.load("services.internal_admin.audit.store", "trail.sql")

LOOKED_AT = 20_000
"""The most rows that one page looks at: some 20 ms."""

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_AFTER_ALL = AuditCursor(_LAST, 2**63 - 1)


async def list_audit_rows(
    connection: asyncpg.Connection,
    asked: AuditFilter,
    after: AuditCursor | None,
    limit: int,
    looked_at: int = LOOKED_AT,
) -> AuditPage:
    """At most `limit` rows that match, among the next `looked_at` rows after a position (None: from the newest on)."""
    before = _begin(asked, after)
    bound = _SQL[_led_by(asked)](
        event=asked.event,
        outcome=asked.outcome,
        caller=asked.caller,
        actor_type=asked.actor_type,
        actor_id=asked.actor_id,
        subject=asked.subject,
        request_id=asked.request_id,
        since=asked.since or _FIRST,
        before_occurred_at=before.occurred_at,
        before_audit_id=before.audit_id,
        limit=limit + 1,
        looked_at=looked_at,
    )
    rows = await _fetch(connection, bound)
    matching = [row for row in rows if row["is_match"]]
    listed = [_listed(row) for row in matching[:limit]]
    if len(matching) > limit:
        return AuditPage(listed, _cursor(matching[limit - 1]))
    if rows and rows[-1]["place"] == looked_at:
        return AuditPage(listed, _cursor(rows[-1]))
    return AuditPage(listed, None)


async def walk_audit_rows(
    connection: asyncpg.Connection,
    since: datetime | None,
    until: datetime | None,
    after: AuditCursor | None,
    limit: int,
) -> list[ListedAuditRow]:
    """The next rows from `since` on and before `until`, oldest first."""
    begin = after or AuditCursor(since or _FIRST, 0)
    bound = _SQL["walk_by_time"](
        after_occurred_at=begin.occurred_at, after_audit_id=begin.audit_id, until=until or _LAST, limit=limit
    )
    rows = await _fetch(connection, bound)
    return [_listed(row) for row in rows]


async def _fetch(connection: asyncpg.Connection, bound: queries.Bound) -> list[asyncpg.Record]:
    async with connection.transaction(readonly=True):
        await connection.execute(*_SQL["order_by_index"]())
        return await connection.fetch(*bound)


def _led_by(asked: AuditFilter) -> str:
    """The statement whose index leaves the fewest rows to look at."""
    if asked.subject is not None:
        return "list_by_subject"
    if asked.actor_id is not None:
        return "list_by_actor"
    if asked.caller not in (None, "public"):
        return "list_by_caller"
    return "list_by_time" if asked.event is None else "list_by_event"


def _begin(asked: AuditFilter, after: AuditCursor | None) -> AuditCursor:
    before = _AFTER_ALL if asked.until is None else AuditCursor(asked.until, 0)
    return min(before, after or _AFTER_ALL)


def _listed(row: asyncpg.Record) -> ListedAuditRow:
    columns = {name: row[name] for name in AuditRow.__slots__}
    return ListedAuditRow(AuditRow(**columns | {"details": row["details_text"]}), row["seq"])


def _cursor(row: asyncpg.Record) -> AuditCursor:
    return AuditCursor(row["occurred_at"], row["audit_id"])
