"""Reads nodes and their valid keys, for many requests at once; and revokes a node, which ends its access."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.nodes import RevokeOutcome
from services.internal_admin.callers.identity import Cause
from services.internal_admin.callers.trail import audit_subject_of_id, insert_mutation_event
from services.internal_admin.node_access.domain import KnownNode, NodeKey
from shared.io import queries

_SQL = queries.load("services.internal_admin.node_access")


async def read_nodes(connection: asyncpg.Connection, node_ids: Sequence[str]) -> Mapping[str, KnownNode]:
    """The nodes among these ids that exist, by id. One statement."""
    rows = await connection.fetch(*_SQL["read_nodes"](node_ids=list(set(node_ids))))
    return {node_id: _known_node(list(of_node)) for node_id, of_node in groupby(rows, key=lambda row: row["node_id"])}


async def revoke_node(connection: asyncpg.Connection, node_id: str, cause: Cause) -> RevokeOutcome | None:
    """Revoke a node for good; None: there is none. One transaction, also inside another; every outcome is audited.

    The caller wakes held polls afterwards. Every later request is refused without that.
    """
    async with connection.transaction():
        outcome = await _revoke_node(connection, node_id, cause)
        await insert_mutation_event(
            connection, EventName.REVOKE_NODE, outcome or "node_not_found", audit_subject_of_id(node_id), cause
        )
        return outcome


async def _revoke_node(connection: asyncpg.Connection, node_id: str, cause: Cause) -> RevokeOutcome | None:
    revoked = await connection.fetchval(
        *_SQL["revoke_node"](
            node_id=node_id,
            reason_code=cause.reason_code,
            actor_type=cause.actor.type,
            actor_id=cause.actor.id,
        )
    )
    if revoked:
        return "revoked"
    return "already_revoked" if await connection.fetchval(*_SQL["has_node"](node_id=node_id)) else None


def _known_node(rows: Sequence[asyncpg.Record]) -> KnownNode:
    first = rows[0]
    keys = tuple(NodeKey(row["generation"], row["public_key"], row["encryption_key"]) for row in rows)
    return KnownNode(first["node_id"], first["pool"], first["node_name"], first["status"], keys, first["read_at"])
