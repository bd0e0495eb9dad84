"""Units of work and statements of API tokens (SPEC §10.7). Only the hash of a secret is stored."""

from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.tokens import ApiToken
from services.internal_admin.callers.identity import Scope, Token
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.callers.secret import Secret
from services.internal_admin.callers.trail import audit_subject_of_id, insert_operator_event
from services.internal_admin.tokens.domain import (
    Created,
    CreateToken,
    CreateTokenOutcome,
    Creator,
    CreatorGone,
    RevokeToken,
    RevokeTokenOutcome,
)
from shared.io import queries
from shared.kernel.faults import InvariantBroken

_SQL = queries.load("services.internal_admin.tokens")

_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A live token. `is_use_due`: its last use was noted a minute ago or longer."""

    token: Token
    is_use_due: bool


async def create_token(
    connection: asyncpg.Connection, command: CreateToken, token_id: str, secret: Secret
) -> CreateTokenOutcome:
    """Make a token, unless its creator is gone by now. One transaction; every outcome is audited.

    The creator's row is locked first: a recovery that revokes every token either sees this one, or has ended the
    creator's session before (`test_no_token_outlives_the_recovery_of_its_creator`).
    """
    async with connection.transaction():
        outcome = await _create_token(connection, command, token_id, secret)
        await insert_operator_event(
            connection,
            EventName.CREATE_TOKEN,
            outcome.name,
            command.caller,
            actor=command.actor,
            subject=token_id if isinstance(outcome, Created) else None,
            scopes=sorted(command.scopes),
        )
        return outcome


async def read_token(connection: asyncpg.Connection, token_hash: bytes) -> PresentedToken | None:
    """The live token with this hash. None if there is none, or if its creator is disabled."""
    row = await connection.fetchrow(*_SQL["read_token"](token_hash=token_hash))
    return None if row is None else PresentedToken(Token(row["token_id"], _scopes(row)), row["is_use_due"])


async def list_tokens(connection: asyncpg.Connection, after: str | None, limit: int) -> Page[ApiToken]:
    """Tokens from the newest to the oldest, ended ones too; only those `after` a token id, at most `limit`."""
    rows = await connection.fetch(*_SQL["list_tokens"](after_token_id=after, limit=limit + 1))
    return cut_page([_api_token(row) for row in rows], limit)


async def revoke_token(connection: asyncpg.Connection, command: RevokeToken) -> RevokeTokenOutcome:
    """End a token. Every replica refuses its next request. One transaction; every outcome is audited."""
    async with connection.transaction():
        outcome = await _revoke_token(connection, command)
        await insert_operator_event(
            connection,
            EventName.REVOKE_TOKEN,
            outcome,
            command.caller,
            actor=command.actor,
            subject=audit_subject_of_id(command.token_id),
            reason_code=command.reason_code,
        )
        return outcome


async def revoke_tokens_of(connection: asyncpg.Connection, operator_id: str, reason_code: str) -> int:
    """Revoke each token that the operator made; return their number. The caller has locked the operator, and audits."""
    return await connection.fetchval(*_SQL["revoke_tokens_of"](operator_id=operator_id, reason_code=reason_code))


async def keep_last_use(connection: asyncpg.Connection, token_ids: Iterable[str]) -> None:
    """Note that these tokens were used now. A token that another transaction is changing is left out."""
    await connection.execute(*_SQL["keep_last_use"](token_ids=list(token_ids)))


async def _create_token(
    connection: asyncpg.Connection, command: CreateToken, token_id: str, secret: Secret
) -> CreateTokenOutcome:
    creator = command.creator
    if creator is not None and not await _is_still_there(connection, creator):
        return CreatorGone()
    row = await connection.fetchrow(
        *_SQL["insert_token"](
            token_id=token_id,
            name=command.name,
            prefix=secret.prefix,
            token_hash=secret.hash,
            scopes=sorted(command.scopes),
            created_by=creator and creator.operator_id,
            life=command.life,
        ),
    )
    if row is None:
        raise InvariantBroken("an insert returns its row")
    return Created(_api_token(row))


async def _is_still_there(connection: asyncpg.Connection, creator: Creator) -> bool:
    """Whether the creator may still make a token. Locks the operator's row; the second statement is younger than it."""
    if not await connection.fetchval(*_SQL["lock_creator"](operator_id=creator.operator_id)):
        return False
    return await connection.fetchval(
        *_SQL["has_live_session"](operator_session_id=creator.operator_session_id, operator_id=creator.operator_id)
    )


async def _revoke_token(connection: asyncpg.Connection, command: RevokeToken) -> RevokeTokenOutcome:
    if await connection.fetchval(*_SQL["revoke_token"](token_id=command.token_id, reason_code=command.reason_code)):
        return "revoked"
    return (
        "already_revoked"
        if await connection.fetchval(*_SQL["has_token"](token_id=command.token_id))
        else "token_not_found"
    )


def _api_token(row: asyncpg.Record) -> ApiToken:
    return ApiToken(
        token_id=row["token_id"],
        name=row["name"],
        prefix=row["prefix"],
        scopes=tuple(sorted(_scopes(row))),
        status=row["status"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )


def _scopes(row: asyncpg.Record) -> frozenset[Scope]:
    """The scopes that this release knows."""
    return frozenset(Scope(word) for word in row["scopes"] if word in _SCOPES)
