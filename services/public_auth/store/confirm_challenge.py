"""The unit of work of confirms: read, ask the domain, write guarded. An overtaken confirm is decided again, alone.

It runs on asyncio, inside `Postgres.unit_of_work`, and has no rule of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg

from services.public_auth.domain.confirm import (
    Challenge,
    ChallengeState,
    ConfirmDecision,
    ConfirmRefusal,
    ConfirmView,
    CountWrongCode,
    Guess,
    MakeSession,
    RepeatSession,
    decide_confirm,
)
from services.public_auth.domain.login_code import StoredCode, is_right_code
from services.public_auth.domain.network_tag import NetworkTags
from services.public_auth.store.decided_again import until_written
from services.public_auth.store.letters import NoticeDraft, write_notices
from shared.io import queries
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.device_session import DeviceSession
from shared.kernel.keyring import KeyRing
from shared.kernel.projection_change import ProjectionChange
from shared.lifecycle.batching import DecidedAgain
from shared.sessions.store import device_session, projection_change
from shared.users.store import lock_user_id

_SQL = queries.load(__package__)
OutcomeT = TypeVar("OutcomeT")


@dataclass(frozen=True, slots=True)
class SessionDraft:
    """The data of a confirm that is made before the database is read."""

    challenge_id: str = field(repr=False)
    code: str = field(repr=False)
    client_key: ClientPublicKey
    proven: bool
    time_zone: str
    network: NetworkTags = field(repr=False)
    network_text: str = field(repr=False)
    request_id: str
    device_session_id: str
    user_id: str | None
    """The id of a new user. None means that the user directory must name the user before a session is made."""
    label: str | None = field(default=None, repr=False)
    """The name of the device. The repeat of a confirm may bring another, which changes nothing."""
    new_notice: Callable[[], NoticeDraft] | None = field(default=None, repr=False)
    """Makes the notice that tells the user of this login, if one is due."""
    users_live_here: bool = True
    """Whether users live in our own Postgres; all spellings of an address are then one person."""


@dataclass(frozen=True, slots=True)
class SessionMade:
    """A login. `changes` is the projection work of the new session and of those that were revoked to make room."""

    session: DeviceSession
    changes: tuple[ProjectionChange, ...]
    is_noticed: bool = False
    """Whether a notice may have been queued."""


@dataclass(frozen=True, slots=True)
class SessionRepeated:
    """The exact repeat of a login: its session in its present state. `changes` writes the record again."""

    session: DeviceSession
    changes: tuple[ProjectionChange, ...]


@dataclass(frozen=True, slots=True)
class UserWanted:
    """The code is right, nothing here forbids the login, and the directory must name the user. Nothing was written."""

    email: str = field(repr=False)
    preferred_language: str
    may_sign_up: bool
    """Whether the directory may make a new user for this address."""


class UserContradicted:
    """The directory named a user that we know by another address, or an address that we know by another user.

    Nothing was written.
    """


ConfirmOutcome = SessionMade | SessionRepeated | CountWrongCode | ConfirmRefusal | UserWanted | UserContradicted


async def confirm_challenge(connection: asyncpg.Connection, draft: SessionDraft, keys: KeyRing) -> ConfirmOutcome:
    """Confirms once and returns the outcome, committed. An exact repeat is no second login."""

    async def attempt() -> ConfirmOutcome | DecidedAgain:
        row = await connection.fetchrow(*_read_for_confirm([draft]))
        if row is None:
            return ConfirmRefusal.CHALLENGE_NOT_FOUND
        decided = _decided(draft, row, keys)
        if decided.decision == MakeSession(revokes_oldest=True) and draft.user_id is not None:
            async with connection.transaction():
                return await _write_session_in_place_of_oldest(connection, decided)
        [outcome] = await _write(connection, [decided])
        return outcome

    return await until_written(connection, attempt, _SQL["lock_email_of_challenge"](challenge_id=draft.challenge_id))


async def confirm_challenges(
    connection: asyncpg.Connection, drafts: Sequence[SessionDraft], keys: KeyRing
) -> list[ConfirmOutcome | DecidedAgain]:
    """Confirms a batch at the price of one, committed. It waits for no lock of an e-mail's row.

    `DecidedAgain` means that a confirm must be decided again, alone. It contends with another confirm, of this batch
    or not, or has to revoke older sessions.
    """
    found = await connection.fetch(*_read_for_confirm(drafts))
    rows = {row["id"]: row for row in found}
    decided = [_decided(draft, rows[draft.challenge_id], keys) for draft in drafts if draft.challenge_id in rows]
    chosen = {each.row["email_id"]: each for each in reversed(decided)}.values()  # the first of each e-mail
    outcomes = await _write(connection, list(chosen))
    written = {id(each.draft): outcome for each, outcome in zip(chosen, outcomes, strict=True)}
    return [
        written.get(id(draft), DecidedAgain.NEEDED)
        if draft.challenge_id in rows
        else ConfirmRefusal.CHALLENGE_NOT_FOUND
        for draft in drafts
    ]


async def confirm_with_named_user(
    connection: asyncpg.Connection, draft: SessionDraft, keys: KeyRing, email: str
) -> ConfirmOutcome:
    """Confirms once, after the directory has named `draft.user_id` as the user of `email`.

    A user may be new here and still be blocked. A lock on the user's id keeps such a block from coming in between. A
    user who is not new is guarded by the version of the e-mail's row, as in every confirm.
    """
    assert draft.user_id is not None
    async with connection.transaction():
        await lock_user_id(connection, draft.user_id)
        [known] = await connection.fetch(*_SQL["read_named_user"](user_id=draft.user_id, email=email))
        if known["email"] not in (None, email) or known["user_id"] not in (None, draft.user_id):
            return UserContradicted()
        if known["blocked"]:
            return ConfirmRefusal.BLOCKED_BY_POLICY
        return await confirm_challenge(connection, draft, keys)


def _read_for_confirm(drafts: Sequence[SessionDraft]) -> queries.Bound:
    tags = [draft.network.readable for draft in drafts]
    width = max(map(len, tags))
    return _SQL["read_for_confirm"](
        challenge_ids=[draft.challenge_id for draft in drafts],
        network_tags=[tag for each in tags for tag in each + each[:1] * (width - len(each))],
        tags_per_confirm=width,
        users_live_here=drafts[0].users_live_here,
    )


def _stored_code(row: asyncpg.Record) -> StoredCode | None:
    if row["key_id"] is None:
        return None
    return StoredCode(row["key_id"], row["salt"], row["mac"])


@dataclass(frozen=True, slots=True)
class _Decided:
    """A confirm, the row that was read for it, and the decision."""

    draft: SessionDraft
    row: asyncpg.Record
    decision: ConfirmDecision


def _decided(draft: SessionDraft, row: asyncpg.Record, keys: KeyRing) -> _Decided:
    right = is_right_code(keys, _stored_code(row), draft.code)
    decision = decide_confirm(_view(draft, row), Guess(draft.client_key, draft.proven, right))
    return _Decided(draft, row, decision)


def _view(draft: SessionDraft, row: asyncpg.Record) -> ConfirmView:
    return ConfirmView(
        now=row["now"],
        challenge=Challenge(
            challenge_id=draft.challenge_id,
            state=ChallengeState(row["state"]),
            attempts=row["attempts"],
            expires_at=row["expires_at"],
            confirmed_at=row["confirmed_at"],
            login_code_id=row["login_code_id"],
            code_lives=bool(row["code_lives"]),
        ),
        user_id=row["existing_user_id"],
        blocked=row["blocked"],
        may_sign_up=row["may_sign_up"] or not draft.users_live_here,
        active_sessions=row["active_sessions"],
        session_limit=row["session_limit"],
        session_limit_policy=row["session_limit_policy"],
        require_client_key_proof=row["require_client_key_proof"],
        result=_result(row),
    )


def _result(row: asyncpg.Record) -> DeviceSession | None:
    return None if row["device_session_id"] is None else device_session(row)


async def _write(connection: asyncpg.Connection, decided: Sequence[_Decided]) -> list[ConfirmOutcome | DecidedAgain]:
    """Writes decisions of different e-mails. One statement writes all logins; wrong codes are counted one by one."""
    made = [each for each in decided if _makes_session(each)]
    outbox_ids = await _write_sessions(connection, made) if made else {}
    return [await _outcome(connection, each, outbox_ids) for each in decided]


def _makes_session(each: _Decided) -> bool:
    return each.decision == MakeSession(revokes_oldest=False) and each.draft.user_id is not None


async def _outcome(
    connection: asyncpg.Connection, each: _Decided, outbox_ids: Mapping[str, int]
) -> ConfirmOutcome | DecidedAgain:
    draft, row, decision = each.draft, each.row, each.decision
    match decision:
        case CountWrongCode(evaluated):
            attempts = await connection.fetchval(
                *_SQL["write_wrong_code"](challenge_id=draft.challenge_id, state=row["state"], evaluated=int(evaluated))
            )
            return DecidedAgain.NEEDED if attempts is None else decision
        case MakeSession() if draft.user_id is None:
            wanted = UserWanted(row["email"], row["preferred_language"], row["may_sign_up"])
            return await _unless_overtaken(connection, each, wanted)
        case MakeSession():
            outbox_id = outbox_ids.get(draft.device_session_id)
            return DecidedAgain.NEEDED if outbox_id is None else _session_made(each, outbox_id)
        case RepeatSession(session):
            outbox_id = await connection.fetchval(*_SQL["queue_record"](device_session_id=session.device_session_id))
            return SessionRepeated(session, (ProjectionChange(outbox_id, session),))
        case ConfirmRefusal.BLOCKED_BY_POLICY | ConfirmRefusal.SESSION_LIMIT_EXCEEDED:
            return await _unless_overtaken(connection, each, decision)
        case ConfirmRefusal():
            return decision


async def _unless_overtaken(
    connection: asyncpg.Connection, each: _Decided, outcome: OutcomeT
) -> OutcomeT | DecidedAgain:
    """Returns an outcome that reveals a right code and writes nothing, unless the challenge has changed.

    Only five guesses may be answered. Earlier wrong codes wait for the challenge's row. This outcome must wait behind
    them, or it would overtake them.
    """
    held = await connection.fetchval(
        *_SQL["hold_challenge"](challenge_id=each.draft.challenge_id, state=each.row["state"])
    )
    return DecidedAgain.NEEDED if held is None else outcome


async def _write_sessions(connection: asyncpg.Connection, made: Sequence[_Decided]) -> dict[str, int]:
    """Writes sessions. Returns the outbox id of each written one by session id."""
    columns = queries.columns([_session_row(each.draft, each.row) for each in made])
    statement = _SQL["write_sessions"](now=made[0].row["now"], **columns)
    if not any(map(_is_notice_due, made)):
        return _outbox_ids(await connection.fetch(*statement))
    async with connection.transaction():
        outbox_ids = _outbox_ids(await connection.fetch(*statement))
        if notices := _notices(made, outbox_ids):
            await write_notices(connection, notices)
    return outbox_ids


def _outbox_ids(rows: Sequence[asyncpg.Record]) -> dict[str, int]:
    return {row["device_session_id"]: row["outbox_id"] for row in rows}


def _is_notice_due(each: _Decided) -> bool:
    return each.row["is_notice_due"] and each.draft.new_notice is not None


def _notices(made: Sequence[_Decided], outbox_ids: Mapping[str, int]) -> list[tuple[str, NoticeDraft]]:
    """The notices of the sessions that were written."""
    return [
        (each.draft.device_session_id, each.draft.new_notice())
        for each in made
        if each.row["is_notice_due"] and each.draft.new_notice and each.draft.device_session_id in outbox_ids
    ]


async def _write_session_in_place_of_oldest(
    connection: asyncpg.Connection, each: _Decided
) -> SessionMade | DecidedAgain:
    """Writes the session and revokes the oldest ones. The caller must have opened a transaction."""
    outbox_ids = await _write_sessions(connection, [each])
    if not outbox_ids:
        return DecidedAgain.NEEDED
    made = _session_made(each, outbox_ids[each.draft.device_session_id])
    revoked = await connection.fetch(
        *_SQL["write_revoked_for_limit"](
            user_id=each.row["existing_user_id"],
            now=each.row["now"],
            network=each.draft.network_text,
            request_id=each.draft.request_id,
        )
    )
    changes = tuple(projection_change(one) for one in revoked)
    return SessionMade(made.session, (*changes, *made.changes), made.is_noticed)


def _session_made(each: _Decided, outbox_id: int) -> SessionMade:
    session = DeviceSession(
        device_session_id=each.draft.device_session_id,
        user_id=_user_id(each.draft, each.row),
        client_public_key=each.draft.client_key,
        status="active",
        created_at=each.row["now"],
    )
    return SessionMade(session, (ProjectionChange(outbox_id, session),), _is_notice_due(each))


def _user_id(draft: SessionDraft, row: asyncpg.Record) -> str:
    """The id of the existing user, else of the user to be made."""
    user_id = row["existing_user_id"] or draft.user_id
    assert user_id is not None, "a session is written after its user was named"
    return user_id


def _session_row(draft: SessionDraft, row: asyncpg.Record) -> dict[str, Any]:
    return {
        "email_id": row["email_id"],
        "version": row["version"],
        "challenge_id": draft.challenge_id,
        "user_id": _user_id(draft, row),
        "is_new_user": row["existing_user_id"] is None,
        "time_zone": draft.time_zone,
        "device_session_id": draft.device_session_id,
        "client_public_key": draft.client_key.raw,
        "label": draft.label,
        "network_tag": draft.network.newest,
        "network": draft.network_text,
        "request_id": draft.request_id,
    }
