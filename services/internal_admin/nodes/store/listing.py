"""Units of work that show nodes to operators."""

import json
from collections.abc import Mapping
from typing import cast

import asyncpg

from contracts.control_plane.nodes import (
    AppliedConfig,
    ListNodesQuery,
    Node,
    NodeKeyAnswer,
    NodePage,
    OfferedConfig,
    PageQuery,
    RejectedConfig,
    Revocation,
)
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.nodes.store.tokens import has_pool
from shared.io import queries

_SQL = queries.load("services.internal_admin.nodes.store", "listing.sql")
_SECRETIVE = "last_used"
"""The part of a report that names sessions. It is not shown."""


async def list_nodes(connection: asyncpg.Connection, asked: ListNodesQuery) -> Page[Node] | None:
    """Nodes from the newest to the oldest, revoked ones too; None if the pool that is asked for does not exist."""
    found = await _nodes(connection, asked)
    if not found and asked.pool is not None and not await has_pool(connection, asked.pool):
        return None
    return cut_page(found, asked.page.limit)


async def read_node(connection: asyncpg.Connection, node_id: str) -> Node | None:
    """The node; None if there is none."""
    found = await _nodes(connection, ListNodesQuery(PageQuery(1)), node_id)
    return found[0] if found else None


async def read_node_page(connection: asyncpg.Connection, node_id: str) -> NodePage | None:
    """All that is known of a node; None if there is none. Its parts may be moments apart."""
    node = await read_node(connection, node_id)
    if node is None:
        return None
    keys = tuple(NodeKeyAnswer(**row) for row in await connection.fetch(*_SQL["read_node_keys"](node_id=node_id)))
    state = await connection.fetchrow(*_SQL["read_node_state"](node_id=node_id))
    if state is None:
        return NodePage(node, keys)
    return NodePage(
        node, keys, state["key_shared_at"], _offered(state), _applied(state), _rejected(state), _report(state)
    )


async def _nodes(connection: asyncpg.Connection, asked: ListNodesQuery, node_id: str | None = None) -> list[Node]:
    rows = await connection.fetch(
        *_SQL["list_nodes"](
            node_id=node_id,
            pool=asked.pool,
            status=asked.status,
            liveness=asked.liveness,
            after_id=asked.page.after,
            limit=asked.page.limit + 1,
        )
    )
    return [_node(row) for row in rows]


def _node(row: asyncpg.Record) -> Node:
    return Node(
        node_id=row["node_id"],
        pool=row["pool"],
        node_name=row["node_name"],
        status=row["status"],
        liveness=row["liveness"],
        created_at=row["created_at"],
        join_token_id=row["join_token_id"],
        software=row["software"],
        approved_at=row["approved_at"],
        last_seen_at=row["last_seen_at"],
        revocation=_revocation(row),
    )


def _revocation(row: asyncpg.Record) -> Revocation | None:
    if row["revoked_at"] is None:
        return None
    return Revocation(row["revoked_at"], row["revoke_reason_code"], row["revoke_actor_type"], row["revoke_actor_id"])


def _offered(state: asyncpg.Record) -> OfferedConfig | None:
    if state["offered_epoch"] == 0:
        return None
    return OfferedConfig(state["offered_epoch"], state["offered_sequence"], state["offered_at"])


def _applied(state: asyncpg.Record) -> AppliedConfig | None:
    if state["applied_digest"] is None:
        return None
    return AppliedConfig(
        state["applied_epoch"],
        state["applied_sequence"],
        state["applied_digest"].hex(),
        state["applied_outcome"] or "applied",
        state["source"],
        state["applied_at"],
    )


def _rejected(state: asyncpg.Record) -> RejectedConfig | None:
    if state["rejected_digest"] is None:
        return None
    return RejectedConfig(
        state["rejected_epoch"],
        state["rejected_sequence"],
        state["rejected_digest"].hex(),
        state["rejected_at"],
        state["error_code"],
        state["error_message"],
        state["error_document"],
    )


def _report(state: asyncpg.Record) -> Mapping[str, object] | None:
    if state["report"] is None:
        return None
    told = cast("dict[str, object]", json.loads(state["report"]))
    return {name: value for name, value in told.items() if name != _SECRETIVE}
