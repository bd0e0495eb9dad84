"""Units of work on the hashes of nodes' passwords for Redis. The passwords themselves are stored nowhere."""

from collections.abc import Mapping, Sequence

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from shared.io import queries

_SQL = queries.load("services.internal_admin.node_redis_users")


async def write_password(
    connection: asyncpg.Connection, node_id: str, password_hash: bytes, signed_at_ms: int, caller: Caller
) -> None:
    """Keep the hash of the node's new password, audited.

    Nothing is written if the node is not active, or if the kept password is of a request signed then or later.
    """
    async with connection.transaction():
        query = _SQL["write_password"](node_id=node_id, password_hash=password_hash, signed_at_ms=signed_at_ms)
        if await connection.fetchval(*query) is not None:
            await insert_operator_event(connection, EventName.RENEW_NODE_REDIS_USER, "renewed", caller, subject=node_id)


async def read_passwords(connection: asyncpg.Connection, node_ids: Sequence[str]) -> Mapping[str, bytes]:
    """The hashes by node, for those of these nodes that shall have a user."""
    rows = await connection.fetch(*_SQL["read_passwords"](node_ids=node_ids))
    return {row["node_id"]: row["password_hash"] for row in rows}


async def read_node_ids(connection: asyncpg.Connection) -> Sequence[str]:
    """All nodes that shall have a user, sorted."""
    return [row["node_id"] for row in await connection.fetch(*_SQL["read_node_ids"]())]


async def read_revoked(connection: asyncpg.Connection, limit: int) -> Sequence[str]:
    """Revoked nodes whose user is not deleted yet."""
    return [row["node_id"] for row in await connection.fetch(*_SQL["read_revoked"](limit=limit))]


async def write_deleted(connection: asyncpg.Connection, node_ids: Sequence[str]) -> None:
    """Forget the users of these nodes, which must be deleted in Redis. A node that is not revoked keeps its row."""
    await connection.execute(*_SQL["write_deleted"](node_ids=node_ids))
