"""Units of work on operators' accounts: login, password and recovery codes; and the statements that they share."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.operator_sessions import SessionHolder
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.operator_sessions.domain import HeldSession
from services.internal_admin.operator_sessions.store import begin_session, revoke_operator_sessions
from services.internal_admin.operators.domain.account import Account, SessionOpening
from services.internal_admin.operators.domain.login import (
    InvalidCredentials,
    Lockout,
    LoggedIn,
    LoginDecision,
    LogInOutcome,
    LoginRecord,
    decide_login,
)
from services.internal_admin.operators.domain.password import PasswordOwner, PasswordRefused
from services.internal_admin.operators.domain.password_change import (
    ChangePassword,
    PasswordChanged,
    RegenerateRecoveryCodes,
)
from services.internal_admin.operators.domain.recovery_code import RecoveryCodeCount
from services.internal_admin.tokens.store import revoke_tokens_of
from shared.io import queries

_SQL = queries.load("services.internal_admin.operators.store", "accounts.sql")


@dataclass(frozen=True, slots=True)
class RevokedCounts:
    """The number of sessions and tokens that an operator lost."""

    sessions: int
    tokens: int


@dataclass(frozen=True, slots=True)
class JudgedLogIn:
    """A password that was compared with `account`'s hash. `new_hash`: it was right, and its hash is outdated."""

    account: Account | None
    is_right: bool
    new_hash: str | None = field(repr=False)
    opening: SessionOpening
    caller: Caller


async def read_account(
    connection: asyncpg.Connection, *, user_name: str | None = None, operator_id: str | None = None
) -> Account | None:
    """The account of a folded user name, or of an id; None if there is none. One statement, no lock."""
    row = await connection.fetchrow(*_SQL["read_account"](user_name=user_name, operator_id=operator_id))
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
    """The number of recovery codes that an operator has left."""
    row = await connection.fetchrow(*_SQL["count_recovery_codes"](operator_id=operator_id))
    return RecoveryCodeCount(0, None) if row is None else RecoveryCodeCount(row["unused_count"], row["made_at"])


async def write_password(connection: asyncpg.Connection, operator_id: str, password_hash: str) -> None:
    """Write a new password, inside a transaction. The count of wrong passwords begins anew."""
    await connection.execute(*_SQL["write_password"](operator_id=operator_id, password_hash=password_hash))


async def write_recovery_codes(connection: asyncpg.Connection, operator_id: str, code_hashes: Sequence[str]) -> None:
    """Replace all recovery codes, inside a transaction."""
    await connection.execute(
        *_SQL["write_recovery_codes"](operator_id=operator_id, recovery_code_hashes=list(code_hashes))
    )


async def log_in(connection: asyncpg.Connection, judged: JudgedLogIn, lockout: Lockout) -> LogInOutcome:
    """Decide on the locked row, and write the result. Every refusal runs the same statements, known name or not."""
    event = EventName.LOG_IN
    async with connection.transaction():
        row = await lock_account(connection, judged.account)
        decision = _decide(row, judged, lockout)
        await connection.execute(
            *_SQL["write_login"](
                operator_id=row and row["operator_id"],
                failed_logins=decision.failed_logins,
                locked_until=decision.locked_until,
                password_hash=judged.new_hash if decision.fault is None else None,
            )
        )
        if row is None or decision.fault is not None:
            refused = InvalidCredentials(decision.fault or "unknown_user_name")
            await audit_refusal(connection, event, refused, judged.account, judged.caller)
            return refused
        holder = SessionHolder(row["operator_id"], row["user_name"], row["is_owner"])
        held = await open_session(connection, holder, judged.opening)
        await insert_operator_event(
            connection,
            event,
            "logged_in",
            judged.caller,
            subject=holder.operator_id,
            operator_session_id=held.session.operator_session_id,
        )
        return LoggedIn(held, judged.opening.token)


async def change_password(
    connection: asyncpg.Connection, account: Account, password_hash: str, command: ChangePassword
) -> PasswordChanged | InvalidCredentials:
    """Write the new password, and end every session except that of the request."""
    event, session_id = EventName.CHANGE_PASSWORD, command.operator.operator_session_id
    async with connection.transaction():
        refused = await _refused_in_session(connection, account, session_id)
        if refused is not None:
            await audit_refusal(connection, event, refused, account, command.caller)
            return refused
        await write_password(connection, account.operator_id, password_hash)
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


async def recover_password(
    connection: asyncpg.Connection,
    account: Account,
    password_hash: str,
    code_hashes: Sequence[str],
    opening: SessionOpening,
    caller: Caller,
) -> HeldSession | InvalidCredentials:
    """Write the new password and new codes, end every session, token and lockout, and open a session."""
    event = EventName.RECOVER_PASSWORD
    async with connection.transaction():
        row = await lock_account(connection, account)
        if row is None or row["is_disabled"] or tuple(row["recovery_code_hashes"]) != account.recovery_code_hashes:
            refused = InvalidCredentials("disabled" if row and row["is_disabled"] else "changed_meanwhile")
            await audit_refusal(connection, event, refused, account, caller)
            return refused
        revoked = await revoke_all_of_operator(connection, account.operator_id, "password_recovered")
        await write_password(connection, account.operator_id, password_hash)
        await write_recovery_codes(connection, account.operator_id, code_hashes)
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


async def regenerate_recovery_codes(
    connection: asyncpg.Connection, account: Account, code_hashes: Sequence[str], command: RegenerateRecoveryCodes
) -> InvalidCredentials | None:
    """Replace all recovery codes. None: the new ones hold."""
    event = EventName.REGENERATE_RECOVERY_CODES
    async with connection.transaction():
        refused = await _refused_in_session(connection, account, command.operator.operator_session_id)
        if refused is not None:
            await audit_refusal(connection, event, refused, account, command.caller)
            return refused
        await write_recovery_codes(connection, account.operator_id, code_hashes)
        await insert_operator_event(connection, event, "regenerated", command.caller, subject=account.operator_id)
        return None


async def lock_account(connection: asyncpg.Connection, account: Account | None) -> asyncpg.Record | None:
    """Lock the row until the transaction ends, and return it. None without an account, by the same round trip."""
    return await connection.fetchrow(*_SQL["lock_account"](operator_id=account and account.operator_id))


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
    event: EventName,
    refused: InvalidCredentials | PasswordRefused,
    account: Account | None,
    caller: Caller,
) -> None:
    """Append the row of an attempt that changed nothing. The caller learns the outcome, and never the reason."""
    is_password = isinstance(refused, PasswordRefused)
    await insert_operator_event(
        connection,
        event,
        refused.fault if is_password else "invalid_credentials",
        caller,
        subject=account and account.operator_id,
        reason_code=None if is_password else refused.fault,
    )


async def _refused_in_session(
    connection: asyncpg.Connection, account: Account, operator_session_id: str
) -> InvalidCredentials | None:
    """Why the proof of the password no longer counts; None: it does. Locks the operator's row and session."""
    row = await lock_account(connection, account)
    is_open = await connection.fetchval(
        *_SQL["lock_open_session"](operator_session_id=operator_session_id, operator_id=account.operator_id)
    )
    if row is None or row["is_disabled"]:
        return InvalidCredentials("disabled")
    if not is_open or row["password_changed_at"] != account.password_changed_at:
        return InvalidCredentials("changed_meanwhile")
    return None


def _decide(row: asyncpg.Record | None, judged: JudgedLogIn, lockout: Lockout) -> LoginDecision:
    if row is None or judged.account is None:
        return LoginDecision("unknown_user_name", 0, None)
    if row["password_changed_at"] != judged.account.password_changed_at:
        return LoginDecision("changed_meanwhile", row["failed_logins"], row["locked_until"])
    record = LoginRecord(row["failed_logins"], row["locked_until"], row["is_disabled"], row["now"])
    return decide_login(record, lockout, is_right=judged.is_right)
