"""Connections and defaults as operators see them. No value of a secret is read."""

import json
from collections.abc import Mapping

import asyncpg

from contracts.control_plane.connections import ConnectionAnswer, DefaultAnswer, Revision, Verification
from services.internal_admin.connections.references import refs_of
from shared.io import queries

_SQL = queries.load("services.internal_admin.connections")


async def read_kind(connection: asyncpg.Connection, name: str) -> str | None:
    """The kind of a connection; None if there is none of this name."""
    rows = await connection.fetch(*_SQL["list_connections"](name=name))
    return rows[0]["kind"] if rows else None


async def list_connections(connection: asyncpg.Connection, name: str | None = None) -> tuple[ConnectionAnswer, ...]:
    """All connections by name, or the one of this name. Both statements read one state."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(*_SQL["list_connections"](name=name))
        ids = [row["connection_id"] for row in rows]
        found = await connection.fetch(*_SQL["list_revisions"](connection_ids=ids))
    revisions = {(row["connection_id"], row["revision"]): _revision(row) for row in found}
    return tuple(_answer(row, revisions) for row in rows)


async def list_defaults(connection: asyncpg.Connection, key: str | None = None) -> tuple[DefaultAnswer, ...]:
    """The defaults that are set, or the one of this key."""
    return tuple(DefaultAnswer(**row) for row in await connection.fetch(*_SQL["list_defaults"](key=key)))


def _answer(row: asyncpg.Record, revisions: Mapping[tuple[str, int], Revision]) -> ConnectionAnswer:
    accepted, candidate = row["accepted_revision"], row["candidate_revision"]
    return ConnectionAnswer(
        connection_id=row["connection_id"],
        name=row["name"],
        kind=row["kind"],
        accepted=None if accepted is None else revisions[row["connection_id"], accepted],
        candidate=revisions[row["connection_id"], candidate] if row["has_candidate"] else None,
        candidate_until=row["candidate_until"],
        default_for=tuple(row["default_for"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _revision(row: asyncpg.Record) -> Revision:
    return Revision(
        revision=row["revision"],
        settings=json.loads(row["settings"]),
        secrets=tuple(sorted(name.lower() for name in refs_of(row))),
        verification=_verification(row),
        is_unverified=row["is_unverified"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def _verification(row: asyncpg.Record) -> Verification | None:
    if row["result"] is None:
        return None
    return Verification(row["result"], row["checked_at"], row["duration_ms"], row["account"], row["detail"] or "")
