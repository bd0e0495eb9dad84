"""Reads nodes and their valid keys, for many requests at once."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import asyncpg

from services.internal_admin.node_access.domain import KnownNode, NodeKey
from shared.io import queries

_SQL = queries.load("services.internal_admin.node_access")


async def read_nodes(connection: asyncpg.Connection, node_ids: Sequence[str]) -> Mapping[str, KnownNode]:
    """The nodes among these ids that exist, by id. One statement."""
    rows = await connection.fetch(*_SQL["read_nodes"](node_ids=list(set(node_ids))))
    return {node_id: _known_node(list(of_node)) for node_id, of_node in groupby(rows, key=lambda row: row["node_id"])}


def _known_node(rows: Sequence[asyncpg.Record]) -> KnownNode:
    first = rows[0]
    keys = tuple(NodeKey(row["generation"], row["public_key"], row["encryption_key"]) for row in rows)
    return KnownNode(first["node_id"], first["pool"], first["node_name"], first["status"], keys, first["read_at"])
