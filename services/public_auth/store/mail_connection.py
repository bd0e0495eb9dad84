"""Reads the default mail connection, by the one function that the public role may call. It runs on asyncio."""

from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from shared.io import queries
from shared.kernel.mail_connection import Place

_SQL = queries.load(__package__)


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """The connection as it is sealed. `place` is None if there is no default; `change_id` is new with each change."""

    change_id: UUID
    place: Place | None
    key_id: str
    sealed: bytes = field(repr=False)


async def read_mail_connection(connection: asyncpg.Connection) -> StoredConnection:
    """Reads the default mail connection."""
    row = await connection.fetchrow(*_SQL["read_mail_connection"]())
    assert row is not None  # the table has one row, which no role may delete
    if row["connection_id"] is None:
        return StoredConnection(row["change_id"], None, "", b"")
    place = Place(row["connection_id"], row["connection_revision"])
    return StoredConnection(row["change_id"], place, row["key_id"], row["sealed"])
