"""Store: accounts of operators: reading one, and what every unit of work about one has in common."""

from dataclasses import dataclass

import asyncpg

from services.internal_admin.domain.account import Account, SessionOpening
from services.internal_admin.domain.login import InvalidCredentials
from services.internal_admin.domain.mutation import Caller
from services.internal_admin.domain.operator_session import HeldSession, SessionHolder
from services.internal_admin.domain.password import PasswordOwner, PasswordRefused
from services.internal_admin.domain.recovery_code import RecoveryCodeCount
from services.internal_admin.store.api_tokens import revoke_tokens_of
from services.internal_admin.store.audit import insert_operator_event
from services.internal_admin.store.operator_sessions import begin_session, revoke_operator_sessions
from shared.io import queries

ACCOUNTS_SQL = queries.load_texts("services.internal_admin.store", "accounts.sql")


@dataclass(frozen=True, slots=True)
class RevokedCounts:
    """What was taken from an operator."""

    sessions: int
    tokens: int


async def read_account(
    connection: asyncpg.Connection, *, user_name: str | None = None, operator_id: str | None = None
) -> Account | None:
    """The account of a folded user name, or of an id. One statement, no lock."""
    row = await connection.fetchrow(ACCOUNTS_SQL["read_account"], user_name, operator_id)
    if row is None:
        return None
    return Account(
        operator_id=row["operator_id"],
        owner=PasswordOwner(row["user_name"], row["email"]),
        password_hash=row["password_hash"],
        password_changed_at=row["password_changed_at"],
        recovery_code_hashes=tuple(row["recovery_code_hashes"]),
        is_disabled=row["is_disabled"],
        min_password_length=row["operator_password_min_length"],
    )


async def count_recovery_codes(connection: asyncpg.Connection, operator_id: str) -> RecoveryCodeCount:
    """How many codes an operator has left."""
    row = await connection.fetchrow(ACCOUNTS_SQL["count_recovery_codes"], operator_id)
    return RecoveryCodeCount(0, None) if row is None else RecoveryCodeCount(row["unused_count"], row["made_at"])


async def lock_account(connection: asyncpg.Connection, account: Account | None) -> asyncpg.Record | None:
    """The row as it is now, until the transaction ends; None without an account, for the same round trip."""
    return await connection.fetchrow(ACCOUNTS_SQL["lock_account"], account and account.operator_id)


async def open_session(connection: asyncpg.Connection, holder: SessionHolder, opening: SessionOpening) -> HeldSession:
    """Open the session inside the transaction that authenticated its holder."""
    session = await begin_session(
        connection,
        holder.operator_id,
        operator_session_id=opening.operator_session_id,
        token_hash=opening.token.hash,
        client=opening.client,
        absolute_life=opening.life,
    )
    return HeldSession(session, holder)


async def revoke_all_of_operator(connection: asyncpg.Connection, operator_id: str, reason_code: str) -> RevokedCounts:
    """Revoke every session of an operator and every token they made. The caller audits."""
    sessions = await revoke_operator_sessions(connection, operator_id, except_id=None, reason_code=reason_code)
    return RevokedCounts(sessions, await revoke_tokens_of(connection, operator_id, reason_code))


async def audit_refusal(
    connection: asyncpg.Connection,
    event: str,
    refused: InvalidCredentials | PasswordRefused,
    account: Account | None,
    caller: Caller,
) -> None:
    """The row of an attempt that changed nothing. Who called is told the outcome, and never the reason."""
    is_password = isinstance(refused, PasswordRefused)
    await insert_operator_event(
        connection,
        event,
        refused.fault if is_password else "invalid_credentials",
        caller,
        subject=account and account.operator_id,
        reason_code=None if is_password else refused.fault,
    )
