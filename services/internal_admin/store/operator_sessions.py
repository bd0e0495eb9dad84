"""Store: sessions of operators (SPEC §10.4). Each function is one statement; who calls it owns the transaction."""

from datetime import datetime, timedelta

import asyncpg

from services.internal_admin.domain.operator_session import (
    HeldSession,
    OperatorSession,
    SessionClient,
    SessionHolder,
)
from shared.io import queries
from shared.kernel.faults import InvariantBroken

_SQL = queries.load("services.internal_admin.store", "operator_sessions.sql")


async def begin_session(
    connection: asyncpg.Connection,
    operator_id: str,
    *,
    operator_session_id: str,
    token_hash: bytes,
    client: SessionClient,
    absolute_life: timedelta,
) -> OperatorSession:
    """Open a session of an operator who was authenticated in this transaction. Raises for an id or hash used before."""
    row = await connection.fetchrow(
        _SQL["begin_session"],
        operator_session_id,
        operator_id,
        token_hash,
        client.network,
        client.user_agent,
        absolute_life,
    )
    if row is None:
        raise InvariantBroken("an insert returns its row")
    return _session(row)


async def revoke_operator_sessions(
    connection: asyncpg.Connection, operator_id: str, *, except_id: str | None, reason_code: str
) -> int:
    """Revoke each session of the operator but that one; returns how many. They are dead with their next request, on
    every replica. The caller audits."""
    return await connection.fetchval(_SQL["revoke_sessions_of_operator"], operator_id, except_id, reason_code)


async def read_session_of_token(
    connection: asyncpg.Connection, token_hash: bytes
) -> tuple[HeldSession, datetime] | None:
    """The session and the instant that decides about its age; None if unknown or revoked, or its operator disabled."""
    row = await connection.fetchrow(_SQL["read_session_of_token"], token_hash)
    return None if row is None else (_held(row), row["now"])


def _held(row: asyncpg.Record) -> HeldSession:
    return HeldSession(_session(row), SessionHolder(row["operator_id"], row["user_name"], row["is_owner"]))


def _session(row: asyncpg.Record) -> OperatorSession:
    return OperatorSession(
        operator_session_id=row["operator_session_id"],
        operator_id=row["operator_id"],
        created_at=row["created_at"],
        renewed_at=row["renewed_at"],
        expires_at=row["expires_at"],
        network=row["network"],
        user_agent=row["user_agent"],
    )
