"""The answer of a route that opens a session: the token in the body, or sealed in a cookie (SPEC §10.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from contracts.control_plane.operator_sessions import (
    OpenedSessionAnswer,
    OperatorSessionAnswer,
    Transport,
    encode_opened_session,
)
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.request import is_local, scheme_of
from services.internal_admin.callers.secret import Secret
from services.internal_admin.operator_sessions.cookie import SessionCookie
from services.internal_admin.operator_sessions.domain import (
    HeldSession,
    OperatorSession,
    SessionClient,
    SessionLives,
    renew_before,
)
from shared.web.exchange import Request, Response

_USER_AGENT_LENGTH = 256
_NOTHING_MORE: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OpenedSessions:
    """Answers for opened sessions.

    Over plain HTTP `is_development` allows a cookie to programs of this machine, `allows_insecure_cookies` to all.
    """

    cookie: SessionCookie
    lives: SessionLives
    is_development: bool
    allows_insecure_cookies: bool

    def check_transport(self, request: Request, transport: Transport) -> None:
        """Refuse a cookie where others on the way could read it. Call it before any other work."""
        is_taken = (
            transport == "bearer"
            or scheme_of(request) == "https"
            or self.allows_insecure_cookies
            or (self.is_development and is_local(request))
        )
        if not is_taken:
            raise Refusal(
                ErrorCode.INSECURE_TRANSPORT,
                "a cookie needs HTTPS, by a proxy in AUTHSESSION_TRUSTED_PROXIES that sends X-Forwarded-Proto; "
                "in development also plain HTTP from this machine, without a proxy; or ask for transport bearer",
            )

    def answer(
        self,
        request: Request,
        transport: Transport,
        held: HeldSession,
        token: Secret,
        more: Mapping[str, object] = _NOTHING_MORE,
    ) -> Response:
        """200 with the opened session, its token where `transport` wants it, and the fields of `more`."""
        shown_token = token.text if transport == "bearer" else None
        session, operator = session_answer(held.session, self.lives), held.holder
        body = encode_opened_session(OpenedSessionAnswer(session, operator, shown_token, more))
        life = held.session.expires_at - held.session.created_at
        headers = () if transport == "bearer" else (self.cookie.header(request, token.text, life),)
        return Response(200, body, headers)


def client_of(request: Request) -> SessionClient:
    """The client that opens a session, as lists show it."""
    user_agent = request.headers.get("user-agent")
    return SessionClient(request.client.network.text, user_agent and user_agent[:_USER_AGENT_LENGTH])


def session_answer(session: OperatorSession, lives: SessionLives) -> OperatorSessionAnswer:
    """The session as answers show it."""
    return OperatorSessionAnswer(
        session.operator_session_id, session.created_at, session.expires_at, renew_before(session, lives)
    )
