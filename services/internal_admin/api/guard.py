"""Api: what stands before every route of trusted callers: who calls, and whether they may (SPEC §4.5, §10).

`/healthz`, `/readyz` and `/metrics` are no protected routes: probes have no credentials, and these show no person.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol, assert_never

import trio

from contracts.errors import ErrorCode
from services.internal_admin.api.credentials import (
    BearerToken,
    Credentials,
    NoCredentials,
    UnreadableAuthorization,
    credentials_of,
)
from services.internal_admin.api.failing_slowly import FLOOR
from services.internal_admin.api.limited import LimitName
from services.internal_admin.api.local_request import is_local
from services.internal_admin.api.protected_route import ProtectedRoute
from services.internal_admin.api.reading import caller_of
from services.internal_admin.api.request_scheme import scheme_of
from services.internal_admin.api.same_origin import is_same_origin
from services.internal_admin.api.session_cookie import BrokenCookie, CookieToken, SessionCookie, clearing_header
from services.internal_admin.domain.access import (
    ACCESS,
    Access,
    AccessDecision,
    Admitted,
    Anyone,
    LoginRequired,
    NotAuthenticated,
    OperatorRequired,
    RenewalDue,
    ScopeMissing,
    decide_access,
)
from services.internal_admin.domain.admission import INTERNAL_ROOT, Admission
from services.internal_admin.domain.identity import BreakGlass, Identity, Operator
from services.internal_admin.flows.authenticate import Authenticate
from services.internal_admin.flows.guard_trail import GuardTrail
from shared.web.exchange import Endpoint, Request, Response, Route
from shared.web.refusals import refusal

_OPERATORS_ONLY = "this needs the session of an operator"


class Limiter(Protocol):
    """What is needed of `shared.web.rate_limit.RateLimiter`."""

    async def check(self, network_text: str, route_name: LimitName, /) -> timedelta | None: ...


@dataclass(frozen=True, slots=True)
class _Denied:
    """Why a request goes no further; the word of `code` is the outcome on the audit trail."""

    code: ErrorCode
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """Makes protected routes servable. In order: the limit of the control plane, credentials, `ACCESS`, the proof of
    origin for mutations by cookie, the audit row of a refusal or of break-glass, the endpoint."""

    authenticate: Authenticate
    admission: Admission
    cookie: SessionCookie
    limiter: Limiter
    trail: GuardTrail

    def protect(self, routes: Iterable[ProtectedRoute]) -> tuple[Route, ...]:
        """The same routes, each behind its entry in `ACCESS`; raises `KeyError` for one that has none."""
        return tuple(
            Route(route.method, route.path, self._guarded(route, ACCESS[route.method, route.path]), route.accepts_body)
            for route in routes
        )

    def _guarded(self, route: ProtectedRoute, access: Access) -> Endpoint:
        is_limited = not route.path.startswith(INTERNAL_ROOT)

        async def endpoint(request: Request) -> Response:
            if is_limited and (wait := await self.limiter.check(request.client.network.text, "all")) is not None:
                return refusal(ErrorCode.RATE_LIMITED, retry_after=wait)
            called_at = trio.current_time()
            credentials = credentials_of(request.headers, self.cookie)
            identity = await self._identity(credentials, request, route, access)
            denied = _decide(access, identity, request, route)
            if denied is not None and denied.code is ErrorCode.INVALID_CREDENTIALS:
                return await self._refuse_stranger(denied, credentials, request, route, called_at)
            await self._record(denied, identity, request, route)
            return await route.endpoint(request, identity) if denied is None else refusal(denied.code, denied.message)

        return endpoint

    async def _identity(
        self, credentials: Credentials, request: Request, route: ProtectedRoute, access: Access
    ) -> Identity | None:
        """Credentials that are given and bad name nobody, also where none are needed; only `Anyone` does not mind."""
        match credentials:
            case NoCredentials():
                if isinstance(access, Anyone):
                    return None
                return self.admission.without_credentials(route.path, is_on_this_machine=is_local(request))
            case BearerToken(text):
                return await self.authenticate.by_bearer(text)
            case CookieToken(text):
                operator = await self.authenticate.by_session(text)
                return operator and replace(operator, is_by_cookie=True)
            case UnreadableAuthorization() | BrokenCookie():
                return None
            case _:
                assert_never(credentials)

    async def _refuse_stranger(
        self, denied: _Denied, credentials: Credentials, request: Request, route: ProtectedRoute, called_at: float
    ) -> Response:
        """401, not before the floor of failing authentication. A network that fails too often gets 429 and no row, so
        that strangers cannot fill the trail."""
        wait = await self.limiter.check(request.client.network.text, "failed_authentication")
        if wait is not None:
            return refusal(ErrorCode.RATE_LIMITED, retry_after=wait)
        await self._record(denied, None, request, route)
        await trio.sleep_until(called_at + FLOOR.total_seconds())
        answer = refusal(denied.code, denied.message)
        if isinstance(credentials, CookieToken | BrokenCookie):
            return replace(answer, headers=(*answer.headers, clearing_header(request)))
        return answer

    async def _record(
        self, denied: _Denied | None, identity: Identity | None, request: Request, route: ProtectedRoute
    ) -> None:
        """Each use of break-glass, and each refused mutation. Raises if there is no trail: then nothing is done."""
        caller = caller_of(request, identity)
        if isinstance(identity, BreakGlass):
            outcome = "admitted" if denied is None else denied.code.value
            await self.trail.add_break_glass_use(caller, route.method, route.path, outcome)
        elif denied is not None and route.method != "GET":
            await self.trail.add_refusal(caller, route.method, route.path, denied.code.value)


def _decide(access: Access, identity: Identity | None, request: Request, route: ProtectedRoute) -> _Denied | None:
    denied = _denied(decide_access(access, identity))
    if denied is None and _needs_proof(access, identity, route) and not _has_proof(request):
        return _Denied(ErrorCode.CROSS_ORIGIN_REQUEST)
    return denied


def _needs_proof(access: Access, identity: Identity | None, route: ProtectedRoute) -> bool:
    """Of its origin: a browser adds a cookie to what any page makes it send."""
    is_by_cookie = isinstance(identity, Operator) and identity.is_by_cookie
    return is_by_cookie and route.method != "GET" and not isinstance(access, Anyone)


def _has_proof(request: Request) -> bool:
    return is_same_origin(request.headers, scheme_of(request))


def _denied(decision: AccessDecision) -> _Denied | None:
    match decision:
        case Admitted():
            return None
        case NotAuthenticated():
            return _Denied(ErrorCode.INVALID_CREDENTIALS)
        case LoginRequired():
            return _Denied(ErrorCode.INVALID_CREDENTIALS, _OPERATORS_ONLY)
        case OperatorRequired():
            return _Denied(ErrorCode.FORBIDDEN, _OPERATORS_ONLY)
        case RenewalDue():
            return _Denied(ErrorCode.SESSION_RENEWAL_REQUIRED)
        case ScopeMissing(scope):
            return _Denied(ErrorCode.FORBIDDEN, f"the token lacks the scope {scope.value}")
        case _:
            assert_never(decision)
