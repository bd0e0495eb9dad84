"""The routes of operators' sessions (SPEC §10.2, §10.4)."""

from dataclasses import dataclass
from typing import assert_never

from contracts.control_plane.operator_sessions import (
    ListedSessionAnswer,
    encode_revoke_session,
    encode_session,
    encode_sessions,
    encode_status,
)
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.access import Anyone, OperatorOnly
from services.internal_admin.callers.identity import Identity, Operator
from services.internal_admin.callers.paths import AUTH
from services.internal_admin.callers.request import caller_of, operator_of
from services.internal_admin.callers.route import Route
from services.internal_admin.operator_sessions import store
from services.internal_admin.operator_sessions.cookie import CookieToken, Header, clearing_header
from services.internal_admin.operator_sessions.domain import ReadSession, RevokeOperatorSession, RevokeReason
from services.internal_admin.operator_sessions.opened import OpenedSessions, session_answer
from shared.io.postgres import Postgres
from shared.web.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class OperatorSessionApi:
    """Status, renewal, log-out, and the list of an operator's sessions."""

    postgres: Postgres
    opened: OpenedSessions

    async def status(self, _request: Request, identity: Identity | None) -> Response:
        """Whether there is an owner. In a session, also the session and its operator."""
        session_id = identity.operator_session_id if isinstance(identity, Operator) else None
        status = await self.postgres.unit_of_work(store.read_status, session_id)
        current = status.current and (
            session_answer(status.current.session, self.opened.lives),
            status.current.holder,
        )
        return Response(200, encode_status(has_owner=status.has_owner, current=current))

    async def renew(self, request: Request, identity: Identity | None) -> Response:
        """Renew the session of the request. A repeat within `RENEWAL_REST` changes nothing."""
        operator = operator_of(identity)
        session_id, lives, caller = operator.operator_session_id, self.opened.lives, caller_of(request, operator)
        read = await self.postgres.unit_of_work(store.renew_session, session_id, lives, caller)
        if read is None:
            raise Refusal(ErrorCode.INVALID_CREDENTIALS)
        session = session_answer(read.held.session, lives)
        body = encode_session(session, read.held.holder)
        return Response(200, body, self._sealed_anew(request, operator, read))

    async def log_out(self, request: Request, identity: Identity | None) -> Response:
        """Revoke the session of the request."""
        operator = operator_of(identity)
        return await self._revoke(request, operator, operator.operator_session_id, "log_out")

    async def list(self, _request: Request, identity: Identity | None) -> Response:
        """The operator's sessions that live: all of them, since limits on log-ins and the idle life bound them."""
        operator = operator_of(identity)
        sessions = await self.postgres.unit_of_work(
            store.list_sessions, operator.operator_id, idle_life=self.opened.lives.idle
        )
        listed = [
            ListedSessionAnswer(
                session_answer(session, self.opened.lives),
                session.network,
                session.user_agent,
                is_current=session.operator_session_id == operator.operator_session_id,
            )
            for session in sessions
        ]
        return Response(200, encode_sessions(listed))

    async def revoke(self, request: Request, identity: Identity | None) -> Response:
        """Revoke one of the operator's sessions. The owner may revoke anybody's.

        Every replica refuses the session from its next request on.
        """
        session_id = request.path_parameters["operator_session_id"]
        return await self._revoke(request, operator_of(identity), session_id, "operator_revoke")

    async def _revoke(self, request: Request, operator: Operator, session_id: str, reason: RevokeReason) -> Response:
        command = RevokeOperatorSession(session_id, operator.operator_id, reason, caller_of(request, operator))
        outcome = await self.postgres.unit_of_work(store.revoke_session, command)
        match outcome:
            case "revoked" | "already_revoked":
                is_own_cookie = operator.is_by_cookie and session_id == operator.operator_session_id
                headers = (clearing_header(request),) if is_own_cookie else ()
                return Response(200, encode_revoke_session(outcome, session_id), headers)
            case "session_not_found":
                raise Refusal(ErrorCode.SESSION_NOT_FOUND)
            case _:
                assert_never(outcome)

    def _sealed_anew(self, request: Request, operator: Operator, read: ReadSession) -> tuple[Header, ...]:
        """For a session by cookie: the same token, sealed under the newest key, for the rest of the session's life."""
        found = self.opened.cookie.find(request.headers.get("cookie"))
        if not (operator.is_by_cookie and isinstance(found, CookieToken)):
            return ()
        return (self.opened.cookie.header(request, found.text, read.held.session.expires_at - read.now),)


ROUTES: tuple[Route[OperatorSessionApi], ...] = (
    Route("GET", AUTH + "/status", OperatorSessionApi.status, access=Anyone()),
    Route("GET", AUTH + "/session", OperatorSessionApi.renew, access=OperatorOnly(renews=True)),
    Route("GET", "/v1/auth/session", OperatorSessionApi.renew, access=OperatorOnly(renews=True)),
    Route("POST", AUTH + "/logout", OperatorSessionApi.log_out, access=OperatorOnly(renews=True)),
    Route("GET", AUTH + "/sessions", OperatorSessionApi.list, access=OperatorOnly()),
    Route("DELETE", AUTH + "/sessions/{operator_session_id}", OperatorSessionApi.revoke, access=OperatorOnly()),
)
