"""Store: the unit of work that lets an operator in, or counts a wrong password."""

from dataclasses import dataclass, field

import asyncpg

from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.operator_sessions.domain import SessionHolder
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
from services.internal_admin.operators.store.accounts import ACCOUNTS_SQL, audit_refusal, lock_account, open_session

_EVENT = "security.log_in"


@dataclass(frozen=True, slots=True)
class JudgedLogIn:
    """A password that was compared with what `account` had. `new_hash`: it was right, and its hash is outdated."""

    account: Account | None
    is_right: bool
    new_hash: str | None = field(repr=False)
    opening: SessionOpening
    caller: Caller


async def log_in(connection: asyncpg.Connection, judged: JudgedLogIn, lockout: Lockout) -> LogInOutcome:
    """Decide on the locked row and write what it costs. The same statements for every refusal, known name or not."""
    async with connection.transaction():
        row = await lock_account(connection, judged.account)
        decision = _decide(row, judged, lockout)
        written = (decision.failed_logins, decision.locked_until, judged.new_hash if decision.fault is None else None)
        await connection.execute(ACCOUNTS_SQL["write_login"], row and row["operator_id"], *written)
        if row is None or decision.fault is not None:
            refused = InvalidCredentials(decision.fault or "unknown_user_name")
            await audit_refusal(connection, _EVENT, refused, judged.account, judged.caller)
            return refused
        holder = SessionHolder(row["operator_id"], row["user_name"], row["is_owner"])
        held = await open_session(connection, holder, judged.opening)
        await insert_operator_event(
            connection,
            _EVENT,
            "logged_in",
            judged.caller,
            subject=holder.operator_id,
            operator_session_id=held.session.operator_session_id,
        )
        return LoggedIn(held, judged.opening.token)


def _decide(row: asyncpg.Record | None, judged: JudgedLogIn, lockout: Lockout) -> LoginDecision:
    if row is None or judged.account is None:
        return LoginDecision("unknown_user_name", 0, None)
    if row["password_changed_at"] != judged.account.password_changed_at:
        return LoginDecision("changed_meanwhile", row["failed_logins"], row["locked_until"])
    record = LoginRecord(row["failed_logins"], row["locked_until"], row["is_disabled"], row["now"])
    return decide_login(record, lockout, is_right=judged.is_right)
