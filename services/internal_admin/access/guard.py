"""The guard before every route but health and metrics: it applies the route's declaration, and answers refused calls.

Its rules are SPEC §4.5, §4.6, §10.4, §10.6 and §10.7.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from typing import Generic, Protocol, assert_never

import trio

from contracts.errors import ErrorCode
from services.internal_admin.access.credentials import (
    BearerToken,
    Credentials,
    NoCredentials,
    UnreadableAuthorization,
    credentials_of,
)
from services.internal_admin.access.domain import (
    AccessDecision,
    Admission,
    Admitted,
    LoginRequired,
    NotAuthenticated,
    OperatorRequired,
    RenewalDue,
    ScopeMissing,
    decide_access,
)
from services.internal_admin.access.flow import Authenticate, GuardTrail
from services.internal_admin.access.limits import ALL, FAILED_AUTHENTICATION
from services.internal_admin.callers.access import Access, Anyone
from services.internal_admin.callers.identity import BreakGlass, Identity, Operator, TrustedNetwork, Unauthenticated
from services.internal_admin.callers.paths import is_internal
from services.internal_admin.callers.request import caller_of, is_local, is_same_origin, scheme_of
from services.internal_admin.callers.route import ApiT, PerNetwork, Route
from services.internal_admin.callers.slow import FLOOR, failing_slowly
from services.internal_admin.operator_sessions.cookie import BrokenCookie, CookieToken, SessionCookie, clearing_header
from shared.web import exchange
from shared.web.exchange import Request, Response
from shared.web.refusals import refusal

_OPERATORS_ONLY = "this needs the session of an operator"
_RENEWAL = "session renewal required: GET /api/control-plane/auth/session renews it"
_UNKNOWN_HOST = "the host is unknown: add it to AUTHSESSION_INTERNAL_HOSTS, or use an IP address"
_WANTED: Mapping[type[Credentials], str] = {
    NoCredentials: "no credentials were sent: send the header Authorization: Bearer <token>, or log in",
    UnreadableAuthorization: "the header Authorization must be Bearer, a space and a token",
}
"""Credentials of another kind that are wrong get no hint."""


@dataclass(frozen=True, slots=True)
class Denial:
    """The reason for a refusal. The audit trail has `code` as the outcome. `message` None: that of `code` is sent."""

    code: ErrorCode
    message: str | None = None


class Limiter(Protocol):
    """The part of `shared.web.rate_limit.RateLimiter` that the guard uses."""

    async def check(self, network_text: str, route_name: str, /) -> timedelta | None: ...


@dataclass(frozen=True, slots=True)
class Guard:
    """Makes declared routes servable (`protect`)."""

    authenticate: Authenticate
    admission: Admission
    cookie: SessionCookie
    limiter: Limiter
    trail: GuardTrail
    known_hosts: frozenset[str] = frozenset()

    def protect(self, routes: Iterable[Route[ApiT]], api: ApiT) -> tuple[exchange.Route, ...]:
        """These routes, answered by `api`, each behind the checks that its declaration asks for."""
        return tuple(
            exchange.Route(route.method, route.path, _GuardedEndpoint(self, route, api), route.accepts_body, route.body)
            for route in routes
        )


@dataclass(frozen=True, slots=True)
class _GuardedEndpoint(Generic[ApiT]):
    """One route. The order of its steps:

    1. the limit of the control plane
    2. credentials; without good ones, a check that no foreign page asks
    3. `access`, and the proof of origin
    4. the audit row of a refusal or of break-glass
    5. `before_limit`, the route's own limit, the endpoint: `slow_refusals` counts from here on
    """

    guard: Guard
    route: Route[ApiT]
    api: ApiT

    async def __call__(self, request: Request) -> Response:
        called_at = trio.current_time()
        if not is_internal(self.route.path) and (refused := await self._refusal_of_limit(request, ALL)) is not None:
            return refused
        credentials = credentials_of(request.headers, self.guard.cookie)
        identity = await self._identity(request, credentials)
        denial = self._denial_of_page(request, identity) or denial_of(self.route.access, identity, request)
        if denial is not None and denial.code is ErrorCode.INVALID_CREDENTIALS:
            return await self._refuse_stranger(request, credentials, denial, called_at)
        await self._record(request, identity, denial)
        if denial is not None:
            return refusal(denial.code, denial.message)
        answer = partial(self._answer, request, identity)
        return await (failing_slowly(answer) if self.route.slow_refusals else answer())

    async def _answer(self, request: Request, identity: Identity | None) -> Response:
        """The answer to a caller who may use the route."""
        route = self.route
        if route.before_limit is not None:
            await route.before_limit(self.api, request, identity)
        if route.limit is not None and (refused := await self._refusal_of_limit(request, route.limit)) is not None:
            return refused
        return await route.endpoint(self.api, request, identity)

    async def _identity(self, request: Request, credentials: Credentials) -> Identity | None:
        """The caller; None if unknown. Bad credentials name nobody, also where none are needed.

        Only routes for `Anyone` accept such a caller.
        """
        match credentials:
            case NoCredentials():
                return self._without_credentials(request)
            case BearerToken(text):
                return await self.guard.authenticate.by_bearer(text)
            case CookieToken(text):
                operator = await self.guard.authenticate.by_session(text)
                return operator and replace(operator, is_by_cookie=True)
            case UnreadableAuthorization() | BrokenCookie():
                return None
            case _:
                assert_never(credentials)

    def _denial_of_page(self, request: Request, identity: Identity | None) -> Denial | None:
        """The check of host and origin for callers without good credentials, which would prove more than a host."""
        is_stranger = identity is None and isinstance(self.route.access, Anyone)
        is_unproven = is_stranger or isinstance(identity, TrustedNetwork | Unauthenticated)
        return denial_of_page(request, self.guard.known_hosts) if is_unproven else None

    def _without_credentials(self, request: Request) -> Identity | None:
        if isinstance(self.route.access, Anyone):
            return None
        return self.guard.admission.without_credentials(self.route.path, is_on_this_machine=is_local(request))

    async def _refuse_stranger(
        self, request: Request, credentials: Credentials, denial: Denial, called_at: float
    ) -> Response:
        """401, not before the floor of failing authentication. A mutation, or bad credentials, leave an audit row.

        A network that fails too often gets 429 and no row, so that strangers cannot fill the trail.
        """
        if (refused := await self._refusal_of_limit(request, FAILED_AUTHENTICATION)) is not None:
            return refused
        if self.route.method != "GET" or not isinstance(credentials, NoCredentials):
            await self._add_refusal(request, None, denial)
        await trio.sleep_until(called_at + FLOOR.total_seconds())
        answer = refusal(denial.code, denial.message or _WANTED.get(type(credentials)))
        if isinstance(credentials, CookieToken | BrokenCookie):
            return replace(answer, headers=(*answer.headers, clearing_header(request)))
        return answer

    async def _record(self, request: Request, identity: Identity | None, denial: Denial | None) -> None:
        """Audit each use of break-glass and each refused mutation. Raises without Postgres: then nothing is done."""
        if isinstance(identity, BreakGlass):
            caller, route = caller_of(request, identity), self.route
            outcome = "admitted" if denial is None else denial.code.value
            await self.guard.trail.add_break_glass_use(caller, route.method, route.path, outcome)
        elif denial is not None and self.route.method != "GET":
            await self._add_refusal(request, identity, denial)

    async def _add_refusal(self, request: Request, identity: Identity | None, denial: Denial) -> None:
        caller, route = caller_of(request, identity), self.route
        await self.guard.trail.add_refusal(caller, route.method, route.path, denial.code.value)

    async def _refusal_of_limit(self, request: Request, limit: PerNetwork) -> Response | None:
        """429 with `Retry-After` for a call past the limit; None: the call passes, and counts."""
        wait = await self.guard.limiter.check(request.client.network.text, limit.name)
        return None if wait is None else refusal(ErrorCode.RATE_LIMITED, retry_after=wait)


def denial_of(access: Access, identity: Identity | None, request: Request) -> Denial | None:
    """Why the caller may not use the route; None: the caller may."""
    denial = _denial(decide_access(access, identity))
    if denial is None and _needs_proof(access, identity, request):
        is_proven = is_same_origin(request.headers, scheme_of(request))
        return None if is_proven else Denial(ErrorCode.CROSS_ORIGIN_REQUEST)
    return denial


def _needs_proof(access: Access, identity: Identity | None, request: Request) -> bool:
    """Whether the origin needs a proof: a browser adds our cookie to requests of any page.

    A route for anyone needs none, because it does not go by the cookie.
    """
    is_by_cookie = isinstance(identity, Operator) and identity.is_by_cookie
    return is_by_cookie and request.method not in ("GET", "HEAD") and not isinstance(access, Anyone)


def _denial(decision: AccessDecision) -> Denial | None:
    match decision:
        case Admitted():
            return None
        case NotAuthenticated():
            return Denial(ErrorCode.INVALID_CREDENTIALS)
        case LoginRequired():
            return Denial(ErrorCode.INVALID_CREDENTIALS, _OPERATORS_ONLY)
        case OperatorRequired():
            return Denial(ErrorCode.FORBIDDEN, _OPERATORS_ONLY)
        case RenewalDue():
            return Denial(ErrorCode.SESSION_RENEWAL_REQUIRED, _RENEWAL)
        case ScopeMissing(scope):
            return Denial(ErrorCode.FORBIDDEN, f"the token lacks the scope {scope.value}")
        case _:
            assert_never(decision)


def denial_of_page(request: Request, known_hosts: frozenset[str]) -> Denial | None:
    """Why the request may come from a foreign page; None if it does not. Programs send no `Origin`."""
    if not is_own_host(request.headers.get("host"), known_hosts):
        return Denial(ErrorCode.FORBIDDEN, _UNKNOWN_HOST)
    names_origin = "origin" in request.headers or "sec-fetch-site" in request.headers
    is_typed = request.headers.get("sec-fetch-site") == "none"
    if names_origin and not is_typed and not is_same_origin(request.headers, scheme_of(request)):
        return Denial(ErrorCode.CROSS_ORIGIN_REQUEST)
    return None


def is_own_host(host: str | None, known_hosts: frozenset[str]) -> bool:
    """Whether `Host` is an IP address, `localhost` or known; its port does not matter."""
    if host is None:
        return False
    if host.startswith("["):
        return _is_address(host[1:].partition("]")[0])
    name = host.partition(":")[0].lower()
    return name == "localhost" or name in known_hosts or _is_address(name)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
