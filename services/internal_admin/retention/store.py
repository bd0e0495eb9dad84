"""Store: removes rows whose time is over (SPEC §5.4), a batch at a time. What that time is, `settings` says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from shared.io import queries

_SQL = queries.load("services.internal_admin.retention")

REMOVALS: Mapping[str, str] = {
    "challenge": "remove_challenges",
    "login_code": "remove_login_codes",
    "known_network": "remove_known_networks",
    "revoked_session": "remove_revoked_sessions",
    "expired_block": "remove_expired_blocks",
    "operator_session": "remove_operator_sessions",
    "api_token": "remove_api_tokens",
    "idempotency_key": "remove_idempotency_keys",
}
"""Each kind of row that goes by its age, in the order in which one lets the next go."""


@dataclass(frozen=True, slots=True)
class Removal:
    """How many rows of one kind went, and by how much the newest of them was past its time (0 if none went)."""

    rows: int
    newest_late: timedelta


@dataclass(frozen=True, slots=True)
class EmailPage:
    """Part of a walk over all addresses: up to which id it came (None: to the end), and how many it removed."""

    last_id: int | None
    removed: int


async def remove_aged(connection: asyncpg.Connection, limit: int) -> Mapping[str, Removal]:
    """Remove up to `limit` rows of each kind of `REMOVALS`, oldest first, in one short transaction.

    Repeats are harmless, and so are several at once: one waits for the other, and finds less.
    """
    async with connection.transaction():
        await connection.execute(*_SQL["commit_lazily"]())
        return {kind: await _remove(connection, removal, limit) for kind, removal in REMOVALS.items()}


async def remove_unused_emails(connection: asyncpg.Connection, after_id: int, page: int, limit: int) -> EmailPage:
    """Look at `page` addresses from after an id; remove up to `limit` of which nothing is left.

    A row that a login, a send or a block works with is skipped: they hold its lock. One that comes to use between the
    look and the lock stays: it is looked at again under the lock.
    """
    async with connection.transaction():
        await connection.execute(*_SQL["commit_lazily"]())
        looked_at = [
            row["email_id"] for row in await connection.fetch(*_SQL["page_emails"](after_email_id=after_id, limit=page))
        ]
        locked = [
            row["email_id"]
            for row in await connection.fetch(*_SQL["lock_unused_emails"](email_ids=looked_at, limit=limit))
        ]
        removed = await connection.fetchval(*_SQL["remove_unused_emails"](email_ids=locked)) if locked else 0
    if len(locked) == limit:
        return EmailPage(locked[-1], removed)
    return EmailPage(looked_at[-1] if len(looked_at) == page else None, removed)


async def _remove(connection: asyncpg.Connection, removal: str, limit: int) -> Removal:
    row = await connection.fetchrow(*_SQL[removal](limit=limit))
    assert row is not None
    return Removal(row["rows"], row["newest_late"] or timedelta())
