"""Removal of rows at the end of their retention, a batch at a time (SPEC §5.4). The settings say how long that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from shared.io import queries

_SQL = queries.load("services.internal_admin.retention")

REMOVALS: Mapping[str, str] = {
    "challenge": "remove_challenges",
    "login_code": "remove_login_codes",
    "letter": "remove_letters",
    "session_notice": "remove_session_notices",
    "known_network": "remove_known_networks",
    "revoked_session": "remove_revoked_sessions",
    "expired_block": "remove_expired_blocks",
    "operator_session": "remove_operator_sessions",
    "api_token": "remove_api_tokens",
    "idempotency_key": "remove_idempotency_keys",
    "published_version": "remove_published_versions",
    "activation": "remove_activations",
    "join_token": "remove_join_tokens",
    "session_order": "remove_session_orders",
    "invitation": "remove_invitations",
}
"""The statement for each kind of row that is removed by its age.

The order matters: a row may have to wait for a row of an earlier kind.
"""


@dataclass(frozen=True, slots=True)
class Removal:
    """The number of removed rows of one kind, and how late the newest of them was removed (0 if none was)."""

    rows: int
    newest_late: timedelta


@dataclass(frozen=True, slots=True)
class EmailPage:
    """Part of a walk over all addresses: the last id it reached (None: the end), and how many rows it removed."""

    last_id: int | None
    removed: int


async def remove_aged(connection: asyncpg.Connection, limit: int) -> Mapping[str, Removal]:
    """Remove up to `limit` rows of each kind of `REMOVALS`, oldest first, in one short transaction.

    Repeats are harmless. Of two removals at once, one waits for the other and finds less.
    """
    async with connection.transaction():
        await connection.execute(*_SQL["commit_lazily"]())
        return {kind: await _remove(connection, removal, limit) for kind, removal in REMOVALS.items()}


async def remove_unused_emails(connection: asyncpg.Connection, after_id: int, page: int, limit: int) -> EmailPage:
    """Look at `page` addresses after an id, and remove up to `limit` of them that nothing refers to any more.

    A row that a login, a send or a block works with is skipped, because they hold its lock. Each row is examined again
    under the lock, so an address that comes into use meanwhile stays.
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
