"""The routes of device sessions (SPEC §4.1)."""

from dataclasses import dataclass
from functools import partial
from typing import assert_never

from contracts.errors import ErrorCode, Refusal
from contracts.internal_sessions import (
    SessionAnswer,
    SessionCursor,
    SessionRevocation,
    decode_list_sessions,
    decode_revoke_session,
    decode_revoke_user_sessions,
    encode_revoke_session,
    encode_revoke_user_sessions,
    encode_session,
    encode_slice,
    join_sessions,
)
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import INTERNAL
from services.internal_admin.callers.request import cause_of
from services.internal_admin.callers.route import Route
from services.internal_admin.changes.api import answered, response
from services.internal_admin.changes.domain import session_ids
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.sessions import store
from services.internal_admin.sessions.domain import (
    AlreadyRevoked,
    NoActiveSessions,
    NotOfThisUser,
    Revoked,
    RevokeSession,
    RevokeSessionOutcome,
    RevokeUserSessions,
    RevokeUserSessionsOutcome,
    SessionNotFound,
    UserNotFound,
)
from services.internal_admin.sessions.flow import ListSessions, list_sessions
from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.kernel.faults import InvariantBroken
from shared.web.exchange import Request, Response

_ONE = INTERNAL + "/sessions/{device_session_id}"
_OF_USER = INTERNAL + "/users/{user_id}/sessions"


@dataclass(frozen=True, slots=True)
class SessionApi:
    """Reads, lists and revokes sessions."""

    postgres: Postgres
    change: PublishedChange

    async def read(self, request: Request, _: Identity | None) -> Response:
        """One session."""
        session = await self.postgres.unit_of_work(store.read_session, request.path_parameters["device_session_id"])
        if session is None:
            raise Refusal(ErrorCode.SESSION_NOT_FOUND)
        return Response(200, encode_session(_answer(session)))

    async def list(self, request: Request, _: Identity | None) -> Response:
        """A user's sessions."""
        asked = decode_list_sessions(request.query)
        after = asked.cursor and (asked.cursor.created_at, asked.cursor.device_session_id)
        query = ListSessions(request.path_parameters["user_id"], asked.status, after, asked.limit)
        slices: list[bytes] = []
        next_cursor = None
        async for page in list_sessions(query, self.postgres):
            if page.items:
                slices.append(encode_slice([_answer(session) for session in page.items]))
            next_cursor = _cursor(page.items[-1]) if page.has_more else None
        return Response(200, join_sessions(slices, next_cursor))

    async def revoke(self, request: Request, identity: Identity | None) -> Response:
        """Revoke one session. A repeat changes nothing and writes the record again (SPEC §4.3)."""
        asked = decode_revoke_session(request.body)
        device_session_id = request.path_parameters["device_session_id"]
        command = RevokeSession(device_session_id, cause_of(request, identity, asked))
        change = answered(self.change, request, identity, partial(_revoked, device_session_id))
        return response(await change.make(store.revoke_session, command))

    async def revoke_all(self, request: Request, identity: Identity | None) -> Response:
        """Revoke the active sessions of a user. A repeat finds none and writes no record again."""
        asked = decode_revoke_user_sessions(request.body)
        user_id = request.path_parameters["user_id"]
        command = RevokeUserSessions(user_id, asked.except_device_session_id, cause_of(request, identity, asked))
        change = answered(self.change, request, identity, partial(_revoked_all, user_id))
        return response(await change.make_in_parts(store.revoke_user_sessions, command))


ROUTES: tuple[Route[SessionApi], ...] = (
    Route("GET", _ONE, SessionApi.read, access=Scoped(Scope.SESSIONS_READ)),
    Route("GET", _OF_USER, SessionApi.list, access=Scoped(Scope.SESSIONS_READ)),
    Route("POST", _ONE + "/revoke", SessionApi.revoke, access=Scoped(Scope.SESSIONS_REVOKE), accepts_body=True),
    Route(
        "POST", _OF_USER + "/revoke-all", SessionApi.revoke_all, access=Scoped(Scope.SESSIONS_REVOKE), accepts_body=True
    ),
)


def _revoked(device_session_id: str, outcome: RevokeSessionOutcome) -> bytes:
    match outcome:
        case Revoked():
            return encode_revoke_session("revoked", device_session_id)
        case AlreadyRevoked():
            return encode_revoke_session("already_revoked", device_session_id)
        case SessionNotFound():
            raise Refusal(ErrorCode.SESSION_NOT_FOUND)
        case _:
            assert_never(outcome)


def _revoked_all(user_id: str, outcome: RevokeUserSessionsOutcome) -> bytes:
    match outcome:
        case Revoked(changes, before):
            return encode_revoke_user_sessions(user_id, before + session_ids(changes))
        case NoActiveSessions():
            return encode_revoke_user_sessions(user_id, ())
        case UserNotFound():
            raise Refusal(ErrorCode.SUBJECT_NOT_FOUND)
        case NotOfThisUser():
            raise Refusal(ErrorCode.INVALID_REQUEST, "except_device_session_id must be a session of this user")
        case _:
            assert_never(outcome)


def _answer(session: DeviceSession) -> SessionAnswer:
    return SessionAnswer(
        session.device_session_id,
        session.user_id,
        session.client_public_key.base64,
        session.created_at,
        _revocation(session),
    )


def _revocation(session: DeviceSession) -> SessionRevocation | None:
    if session.status == "active":
        return None
    if session.revoked_at is None or session.revoke_reason_code is None or session.revoke_actor is None:
        raise InvariantBroken("a revoked session says when, why and by whom")
    actor = session.revoke_actor
    return SessionRevocation(session.revoked_at, session.revoke_reason_code, actor.type, actor.id)


def _cursor(session: DeviceSession) -> SessionCursor:
    return SessionCursor(session.created_at, session.device_session_id)
