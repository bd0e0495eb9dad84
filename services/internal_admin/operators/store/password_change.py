"""Store: the units of work that change an operator's password or recovery codes.

Each holds the operator's row and asks again whether what was proved against it still holds.
"""

from collections.abc import Sequence

import asyncpg

from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.operator_sessions.domain import HeldSession, SessionHolder
from services.internal_admin.operator_sessions.store import revoke_operator_sessions
from services.internal_admin.operators.domain.account import Account, SessionOpening
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.password_change import (
    ChangePassword,
    PasswordChanged,
    RegenerateRecoveryCodes,
)
from services.internal_admin.operators.store.accounts import (
    ACCOUNTS_SQL,
    audit_refusal,
    lock_account,
    open_session,
    revoke_all_of_operator,
)


async def change_password(
    connection: asyncpg.Connection, account: Account, password_hash: str, command: ChangePassword
) -> PasswordChanged | InvalidCredentials:
    """The new password, and the end of every session but the one that calls."""
    event, session_id = "security.change_password", command.operator.operator_session_id
    async with connection.transaction():
        refused = await _refused_in_session(connection, account, session_id)
        if refused is not None:
            await audit_refusal(connection, event, refused, account, command.caller)
            return refused
        await connection.execute(ACCOUNTS_SQL["write_password"], account.operator_id, password_hash)
        revoked_count = await revoke_operator_sessions(
            connection, account.operator_id, except_id=session_id, reason_code="password_changed"
        )
        await insert_operator_event(
            connection,
            event,
            "changed",
            command.caller,
            subject=account.operator_id,
            revoked_session_count=revoked_count,
        )
        return PasswordChanged(revoked_count)


async def regenerate_recovery_codes(
    connection: asyncpg.Connection, account: Account, code_hashes: Sequence[str], command: RegenerateRecoveryCodes
) -> InvalidCredentials | None:
    """New codes; None: they hold."""
    event = "security.regenerate_recovery_codes"
    async with connection.transaction():
        refused = await _refused_in_session(connection, account, command.operator.operator_session_id)
        if refused is not None:
            await audit_refusal(connection, event, refused, account, command.caller)
            return refused
        await connection.execute(ACCOUNTS_SQL["write_recovery_codes"], account.operator_id, list(code_hashes))
        await insert_operator_event(connection, event, "regenerated", command.caller, subject=account.operator_id)
        return None


async def recover_password(
    connection: asyncpg.Connection,
    account: Account,
    password_hash: str,
    code_hashes: Sequence[str],
    opening: SessionOpening,
    caller: Caller,
) -> HeldSession | InvalidCredentials:
    """The new password, new codes, the end of every session, token and lockout, and a session."""
    event = "security.recover_password"
    async with connection.transaction():
        row = await lock_account(connection, account)
        if row is None or row["is_disabled"] or tuple(row["recovery_code_hashes"]) != account.recovery_code_hashes:
            refused = InvalidCredentials("disabled" if row and row["is_disabled"] else "changed_meanwhile")
            await audit_refusal(connection, event, refused, account, caller)
            return refused
        revoked = await revoke_all_of_operator(connection, account.operator_id, "password_recovered")
        await connection.execute(ACCOUNTS_SQL["write_password"], account.operator_id, password_hash)
        await connection.execute(ACCOUNTS_SQL["write_recovery_codes"], account.operator_id, list(code_hashes))
        held = await open_session(
            connection, SessionHolder(row["operator_id"], row["user_name"], row["is_owner"]), opening
        )
        await insert_operator_event(
            connection,
            event,
            "recovered",
            caller,
            subject=account.operator_id,
            operator_session_id=held.session.operator_session_id,
            revoked_session_count=revoked.sessions,
            revoked_token_count=revoked.tokens,
        )
        return held


async def _refused_in_session(
    connection: asyncpg.Connection, account: Account, operator_session_id: str
) -> InvalidCredentials | None:
    """Why the password that was proved no longer counts, with the operator's row and session locked."""
    row = await lock_account(connection, account)
    is_open = await connection.fetchval(ACCOUNTS_SQL["lock_open_session"], operator_session_id, account.operator_id)
    if row is None or row["is_disabled"]:
        return InvalidCredentials("disabled")
    if not is_open or row["password_changed_at"] != account.password_changed_at:
        return InvalidCredentials("changed_meanwhile")
    return None
