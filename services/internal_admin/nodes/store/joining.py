"""Units of work in which nodes join, are registered or approved, and change their keys. Each is one transaction.

New nodes, keys and pools follow each other, because each holds the row of the settings. So the counts are exact, and a
key or a name that two ask for at once goes to one of them. Joins are rare, and each takes milliseconds.
"""

from dataclasses import replace

import asyncpg

from contracts.audit_events import EventName
from contracts.errors import ErrorCode
from contracts.node.join import JoinedNode, NodeKeys, NodeStatus
from services.internal_admin.callers.trail import audit_subject_of_id, insert_operator_event
from services.internal_admin.nodes.domain import (
    KEY_OVERLAP,
    KEY_REPLACED,
    KEY_TAKEN,
    MAX_NODES,
    NAME_TAKEN,
    TOO_MANY_NODES,
    ApproveNodeOutcome,
    ChangeKey,
    ChangeOf,
    Joined,
    JoinNode,
    KeyHolder,
    PresentedToken,
    Refused,
    RegisterNode,
    decide_join,
    is_same_registration,
)
from services.internal_admin.nodes.store.tokens import ensure_pool, lock_settings
from shared.io import queries
from shared.kernel.faults import InvariantBroken

_SQL = queries.load("services.internal_admin.nodes.store", "joining.sql")


async def join_node(connection: asyncpg.Connection, command: JoinNode) -> Joined | Refused:
    """Make the node, or find the one of an earlier join that this repeats. Every outcome is audited.

    The use of the token, the node, its key and the audit row are one commit: a join whose answer is lost has happened.
    """
    async with connection.transaction():
        token = await _lock_token(connection, command)
        outcome = await _join(connection, command, token)
        await _add_join(connection, command, token, outcome)
        return outcome


async def register_node(connection: asyncpg.Connection, command: RegisterNode) -> Joined | Refused:
    """Make an active node of these keys, or find the one of an equal registration. Every outcome is audited."""
    async with connection.transaction():
        outcome = await _register(connection, command)
        await insert_operator_event(
            connection,
            EventName.REGISTER_NODE,
            "registered" if outcome.name == "joined" else outcome.name,
            command.caller,
            actor=command.actor,
            subject=outcome.node.node_id if isinstance(outcome, Joined) else None,
            pool=command.pool,
        )
        return outcome


async def approve_node(connection: asyncpg.Connection, command: ChangeOf) -> ApproveNodeOutcome:
    """Let a pending node in. A revoked one stays out. Every outcome is audited."""
    async with connection.transaction():
        outcome = await _approve(connection, command.subject_id)
        await insert_operator_event(
            connection,
            EventName.APPROVE_NODE,
            outcome.name if isinstance(outcome, Refused) else outcome,
            command.caller,
            actor=command.actor,
            subject=audit_subject_of_id(command.subject_id),
        )
        return outcome


async def change_key(connection: asyncpg.Connection, command: ChangeKey) -> Joined | Refused:
    """Give a node new keys. The replaced key signs for ten more minutes, and the one before it no longer.

    Only the current key may be changed away from: two changes at once have one winner, and a thief of a replaced key
    cannot take the node over. An exact repeat by the replaced key changes nothing. Every outcome is audited.
    """
    async with connection.transaction():
        outcome = await _change_key(connection, command)
        is_new = isinstance(outcome, Joined) and not outcome.is_repeat
        await insert_operator_event(
            connection,
            EventName.CHANGE_NODE_KEY,
            "changed" if is_new else outcome.name,
            command.caller,
            subject=command.node.node_id,
        )
        return outcome


async def _lock_token(connection: asyncpg.Connection, command: JoinNode) -> PresentedToken | None:
    if command.join_token_id is None:
        return None
    row = await connection.fetchrow(
        *_SQL["lock_join_token"](join_token_id=command.join_token_id, token_hash=command.token_hash)
    )
    return None if row is None else PresentedToken(**row)


async def _join(connection: asyncpg.Connection, command: JoinNode, token: PresentedToken | None) -> Joined | Refused:
    if token is None:
        return Refused(ErrorCode.INVALID_JOIN_TOKEN)
    settings = await lock_settings(connection)
    decision = decide_join(command, token, await _key_holder(connection, command.keys))
    if isinstance(decision, Refused):
        return decision
    if isinstance(decision, JoinedNode):
        return Joined(decision, settings.now_ms, is_repeat=True)
    status: NodeStatus = "pending" if settings.waits_for_approval else "active"
    node = JoinedNode(command.node_id, token.pool, command.node_name, status)
    refused = await _insert_node(connection, node, command.keys, token.join_token_id, command.software)
    if refused is not None:
        return refused
    if not await connection.fetchval(*_SQL["use_join_token"](join_token_id=token.join_token_id)):
        raise InvariantBroken("a locked join token keeps its uses")
    return Joined(node, settings.now_ms, is_repeat=False)


async def _add_join(
    connection: asyncpg.Connection, command: JoinNode, token: PresentedToken | None, outcome: Joined | Refused
) -> None:
    """The audit row of a join. The caller is the join token, if its secret was right."""
    shown = None if command.join_token_id is None else audit_subject_of_id(command.join_token_id)
    caller = command.caller if token is None else replace(command.caller, name=token.join_token_id)
    await insert_operator_event(
        connection,
        EventName.JOIN_NODE,
        outcome.name,
        caller,
        subject=outcome.node.node_id if isinstance(outcome, Joined) else shown,
        pool=None if token is None else token.pool,
        join_token_id=None if token is None else token.join_token_id,
    )


async def _register(connection: asyncpg.Connection, command: RegisterNode) -> Joined | Refused:
    settings = await lock_settings(connection)
    holder = await _key_holder(connection, command.keys)
    if holder is not None:
        is_repeat = is_same_registration(command, holder)
        return Joined(holder.node, settings.now_ms, is_repeat=True) if is_repeat else KEY_TAKEN
    made = await ensure_pool(connection, command.pool, command.caller, command.actor)
    if isinstance(made, Refused):
        return made
    node = JoinedNode(command.node_id, command.pool, command.node_name, "active")
    refused = await _insert_node(connection, node, command.keys, None, None)
    return refused or Joined(node, settings.now_ms, is_repeat=False)


async def _insert_node(
    connection: asyncpg.Connection, node: JoinedNode, keys: NodeKeys, join_token_id: str | None, software: str | None
) -> Refused | None:
    """Make the node with its first key. The caller holds the row of the settings, and the key belongs to nobody."""
    if await connection.fetchval(*_SQL["is_node_name_taken"](pool=node.pool, node_name=node.node_name)):
        return NAME_TAKEN
    if await connection.fetchval(*_SQL["count_nodes"](limit=MAX_NODES)) >= MAX_NODES:
        return TOO_MANY_NODES
    await connection.execute(
        *_SQL["insert_node"](
            node_id=node.node_id,
            pool=node.pool,
            node_name=node.node_name,
            status=node.status,
            join_token_id=join_token_id,
            software=software,
        )
    )
    await _insert_key(connection, node.node_id, 1, keys)
    return None


async def _approve(connection: asyncpg.Connection, node_id: str) -> ApproveNodeOutcome:
    if await connection.fetchval(*_SQL["approve_node"](node_id=node_id)):
        return "approved"
    match await connection.fetchval(*_SQL["read_node_status"](node_id=node_id)):
        case None:
            return Refused(ErrorCode.NODE_NOT_FOUND)
        case "revoked":
            return Refused(ErrorCode.NOT_ACTIVE, "the node is revoked: let it join anew, with new keys")
        case _:
            return "already_approved"


async def _change_key(connection: asyncpg.Connection, command: ChangeKey) -> Joined | Refused:
    row = await connection.fetchrow(*_SQL["lock_node"](node_id=command.node.node_id))
    if row is None or row["status"] != "active":
        return Refused(ErrorCode.NODE_REVOKED)
    settings = await lock_settings(connection)
    current = await connection.fetchrow(*_SQL["read_current_key"](node_id=command.node.node_id))
    if current is None:
        raise InvariantBroken("a node has a current key")
    node, keys = JoinedNode(**row), command.keys
    if (current["public_key"], current["encryption_key"]) == (keys.public_key, keys.encryption_key):
        return Joined(node, settings.now_ms, is_repeat=True)
    if current["generation"] != command.node.key_generation:
        return KEY_REPLACED
    if await _key_holder(connection, keys) is not None:
        return KEY_TAKEN
    await connection.execute(
        *_SQL["replace_key"](node_id=node.node_id, generation=current["generation"], overlap=KEY_OVERLAP)
    )
    await _insert_key(connection, node.node_id, current["generation"] + 1, keys)
    return Joined(node, settings.now_ms, is_repeat=False)


async def _insert_key(connection: asyncpg.Connection, node_id: str, generation: int, keys: NodeKeys) -> None:
    await connection.execute(
        *_SQL["insert_node_key"](
            public_key=keys.public_key, node_id=node_id, generation=generation, encryption_key=keys.encryption_key
        )
    )


async def _key_holder(connection: asyncpg.Connection, keys: NodeKeys) -> KeyHolder | None:
    row = await connection.fetchrow(*_SQL["read_key_holder"](public_key=keys.public_key))
    if row is None:
        return None
    node = JoinedNode(row["node_id"], row["pool"], row["node_name"], row["status"])
    return KeyHolder(node, row["join_token_id"], row["encryption_key"])
