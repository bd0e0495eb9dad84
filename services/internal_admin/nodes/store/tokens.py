"""Units of work on pools and join tokens. Only the hash of a join token's secret is stored."""

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.nodes import CreatePoolOutcome, JoinToken, PageQuery, Pool, RevokeOutcome
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.callers.trail import audit_subject_of_id, insert_operator_event
from services.internal_admin.nodes.domain import (
    MAX_POOLS,
    TOO_MANY_POOLS,
    ChangeOf,
    CreateJoinToken,
    JoinSettings,
    Refused,
    TokenCreated,
)
from shared.io import queries
from shared.kernel.actor import Actor
from shared.kernel.faults import InvariantBroken

_SQL = queries.load("services.internal_admin.nodes.store", "tokens.sql")


async def create_pool(
    connection: asyncpg.Connection, pool: str, caller: Caller, actor: Actor | None = None
) -> tuple[CreatePoolOutcome, Pool] | Refused:
    """Make the pool, unless there is one. One transaction."""
    async with connection.transaction():
        made = await ensure_pool(connection, pool, caller, actor)
        if isinstance(made, Refused):
            return made
        (found,) = await list_pools(connection, pool)
        return "created" if made else "unchanged", found


async def list_pools(connection: asyncpg.Connection, pool: str | None = None) -> tuple[Pool, ...]:
    """All pools by name, or the one with this name."""
    rows = await connection.fetch(*_SQL["list_pools"](pool=pool))
    return tuple(Pool(row["pool"], row["created_at"], row["nodes"]) for row in rows)


async def create_join_token(connection: asyncpg.Connection, command: CreateJoinToken) -> TokenCreated | Refused:
    """Make a join token, and its pool if that is new. One transaction; every outcome is audited."""
    async with connection.transaction():
        made = await ensure_pool(connection, command.pool, command.caller, command.actor)
        outcome = made if isinstance(made, Refused) else TokenCreated(await _insert_join_token(connection, command))
        await insert_operator_event(
            connection,
            EventName.CREATE_JOIN_TOKEN,
            outcome.name if isinstance(outcome, Refused) else "created",
            command.caller,
            actor=command.actor,
            subject=command.join_token_id if isinstance(outcome, TokenCreated) else None,
            pool=command.pool,
            uses=command.uses,
            node_name=command.node_name,
        )
        return outcome


async def list_join_tokens(connection: asyncpg.Connection, asked: PageQuery) -> Page[JoinToken]:
    """Join tokens from the newest to the oldest, ended ones too while their rows are kept."""
    rows = await connection.fetch(*_SQL["list_join_tokens"](after_id=asked.after, limit=asked.limit + 1))
    return cut_page([_join_token(row) for row in rows], asked.limit)


async def revoke_join_token(connection: asyncpg.Connection, command: ChangeOf) -> RevokeOutcome | None:
    """Revoke a join token; None: there is none. Joins that come later are refused. One transaction, audited."""
    async with connection.transaction():
        outcome = await _revoke_join_token(connection, command.subject_id)
        await insert_operator_event(
            connection,
            EventName.REVOKE_JOIN_TOKEN,
            outcome or "join_token_not_found",
            command.caller,
            actor=command.actor,
            subject=audit_subject_of_id(command.subject_id),
        )
        return outcome


async def ensure_pool(
    connection: asyncpg.Connection, pool: str, caller: Caller, actor: Actor | None = None
) -> bool | Refused:
    """Make the pool if there is none; whether it was made. Runs in the caller's transaction, and audits a new pool."""
    if await has_pool(connection, pool):
        return False
    await lock_settings(connection)
    if await has_pool(connection, pool):  # made while this waited for the lock
        return False
    if await connection.fetchval(*_SQL["count_pools"]()) >= MAX_POOLS:
        return TOO_MANY_POOLS
    await connection.execute(*_SQL["insert_pool"](pool=pool))
    await insert_operator_event(connection, EventName.CREATE_NODE_POOL, "created", caller, actor=actor, pool=pool)
    return True


async def lock_settings(connection: asyncpg.Connection) -> JoinSettings:
    """The settings that joins depend on. New nodes, keys and pools wait for each other here."""
    row = await connection.fetchrow(*_SQL["lock_settings_for_nodes"]())
    if row is None:
        raise InvariantBroken("the settings have their row")
    return JoinSettings(**row)


async def has_pool(connection: asyncpg.Connection, pool: str) -> bool:
    """Whether there is such a pool."""
    return await connection.fetchval(*_SQL["has_pool"](pool=pool))


async def _insert_join_token(connection: asyncpg.Connection, command: CreateJoinToken) -> JoinToken:
    row = await connection.fetchrow(
        *_SQL["insert_join_token"](
            join_token_id=command.join_token_id,
            token_hash=command.token_hash,
            pool=command.pool,
            node_name=command.node_name,
            uses=command.uses,
            created_by=command.caller.name,
            life=command.life,
        )
    )
    if row is None:
        raise InvariantBroken("an insert returns its row")
    return _join_token(row)


async def _revoke_join_token(connection: asyncpg.Connection, join_token_id: str) -> RevokeOutcome | None:
    if await connection.fetchval(*_SQL["revoke_join_token"](join_token_id=join_token_id)):
        return "revoked"
    is_there = await connection.fetchval(*_SQL["has_join_token"](join_token_id=join_token_id))
    return "already_revoked" if is_there else None


def _join_token(row: asyncpg.Record) -> JoinToken:
    return JoinToken(
        join_token_id=row["join_token_id"],
        pool=row["pool"],
        node_name=row["node_name"],
        uses=row["uses"],
        uses_left=row["uses_left"],
        status=row["status"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
