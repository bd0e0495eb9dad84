"""Units of work that lead to the first owner. They follow one another, because each locks the row of `owner_setup`."""

from datetime import datetime

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.operator_sessions import SessionHolder
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.secret import Secret, hash_secret
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.operator_sessions.domain import HeldSession
from services.internal_admin.operators.domain.account import SessionOpening
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.owner_setup import (
    REGISTRATION_TOKEN_LIFE,
    SETUP_CODE_LIFE,
    Exchanged,
    ExchangeOutcome,
    ExchangeSetupCode,
    OwnerExists,
    OwnerSetup,
    RegisterOwner,
    hash_of_setup_code,
    registration_refusal,
)
from services.internal_admin.operators.domain.password import PasswordRefused
from services.internal_admin.operators.store.accounts import audit_refusal, open_session
from shared.io import queries
from shared.kernel.actor import Actor

_SQL = queries.load("services.internal_admin.operators.store", "setup.sql")

_REGISTER = EventName.REGISTER_OWNER


async def read_owner_setup(connection: asyncpg.Connection, registration_token: str | None) -> OwnerSetup:
    """Whether there is an owner, and whether the token is the one that lives. One statement, no lock."""
    token_hash = None if registration_token is None else hash_secret(registration_token)
    row = await connection.fetchrow(*_SQL["read_owner_setup"](registration_token_hash=token_hash))
    assert row is not None
    return OwnerSetup(row["has_owner"], row["is_token_good"], row["operator_password_min_length"])


async def issue_setup_code(
    connection: asyncpg.Connection, code: Secret, caller: Caller, actor: Actor
) -> datetime | OwnerExists:
    """Store the setup code, and return when it ends. It ends the previous code, and the token made from that."""
    event = EventName.ISSUE_SETUP_CODE
    async with connection.transaction():
        await connection.execute(*_SQL["lock_owner_setup"]())
        if (await read_owner_setup(connection, None)).has_owner:
            await insert_operator_event(connection, event, "owner_exists", caller, actor=actor)
            return OwnerExists()
        expires_at = await connection.fetchval(
            *_SQL["issue_setup_code"](setup_code_hash=code.hash, life=SETUP_CODE_LIFE)
        )
        await insert_operator_event(connection, event, "issued", caller, actor=actor)
        return expires_at


async def exchange_setup_code(
    connection: asyncpg.Connection, command: ExchangeSetupCode, token: Secret
) -> ExchangeOutcome:
    """Replace the code by the token. Of any number of exchanges of a code, one succeeds. Every outcome is audited."""
    async with connection.transaction():
        expires_at = await connection.fetchval(
            *_SQL["exchange_setup_code"](
                setup_code_hash=hash_of_setup_code(command.setup_code),
                registration_token_hash=token.hash,
                life=REGISTRATION_TOKEN_LIFE,
            ),
        )
        event = EventName.EXCHANGE_SETUP_CODE
        if expires_at is not None:
            await insert_operator_event(connection, event, "exchanged", command.caller)
            return Exchanged(token.text, expires_at)
        if (await read_owner_setup(connection, None)).has_owner:
            await insert_operator_event(connection, event, "owner_exists", command.caller)
            return OwnerExists()
        refused = InvalidCredentials("wrong_setup_code")
        await audit_refusal(connection, event, refused, None, command.caller)
        return refused


async def register_owner(
    connection: asyncpg.Connection,
    command: RegisterOwner,
    operator_id: str,
    password_hash: str,
    code_hashes: tuple[str, ...],
    opening: SessionOpening,
) -> HeldSession | OwnerExists | InvalidCredentials:
    """Register the owner, if there is none, and open a session. Of any number at once, one succeeds."""
    async with connection.transaction():
        await connection.execute(*_SQL["lock_owner_setup"]())
        setup = await read_owner_setup(connection, command.registration_token)  # younger than the lock
        refused = registration_refusal(setup, command)
        if refused is not None:
            await audit_registration_refusal(connection, refused, command.caller)
            return refused
        owner = command.owner
        await connection.execute(
            *_SQL["insert_owner"](
                operator_id=operator_id,
                user_name=owner.user_name,
                email=owner.email,
                password_hash=password_hash,
                recovery_code_hashes=list(code_hashes),
            )
        )
        await connection.execute(*_SQL["end_owner_setup"]())
        held = await open_session(connection, SessionHolder(operator_id, owner.user_name, is_owner=True), opening)
        await insert_operator_event(
            connection,
            _REGISTER,
            "registered",
            command.caller,
            subject=operator_id,
            operator_session_id=held.session.operator_session_id,
        )
        return held


async def audit_registration_refusal(
    connection: asyncpg.Connection, refused: OwnerExists | InvalidCredentials | PasswordRefused, caller: Caller
) -> None:
    """Append the row of an attempt to register that changed nothing."""
    if isinstance(refused, OwnerExists):
        await insert_operator_event(connection, _REGISTER, "owner_exists", caller)
    else:
        await audit_refusal(connection, _REGISTER, refused, None, caller)
