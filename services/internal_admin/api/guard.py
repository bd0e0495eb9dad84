"""Api: what stands before every route of trusted callers: who calls, and whether they may (SPEC §4.5, §10)."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import assert_never

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.api.credentials import BearerToken, Unreadable, credentials_of
from services.internal_admin.api.protected_route import ProtectedRoute
from services.internal_admin.domain.access import (
    ACCESS,
    Access,
    AccessDecision,
    Admitted,
    Anyone,
    NotAuthenticated,
    OperatorRequired,
    RenewalDue,
    ScopeMissing,
    decide_access,
)
from services.internal_admin.domain.admission import Admission
from services.internal_admin.domain.identity import Identity
from services.internal_admin.flows.authenticate import Authenticate
from shared.web.exchange import Endpoint, Request, Response, Route


@dataclass(frozen=True, slots=True)
class Guard:
    """Makes protected routes servable. A route that `ACCESS` does not know raises `KeyError` at once."""

    authenticate: Authenticate
    admission: Admission

    def protect(self, routes: Iterable[ProtectedRoute]) -> tuple[Route, ...]:
        """The same routes, each behind its entry in `ACCESS`."""
        return tuple(
            Route(route.method, route.path, self._guarded(route, ACCESS[route.method, route.path]), route.accepts_body)
            for route in routes
        )

    def _guarded(self, route: ProtectedRoute, access: Access) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            identity = await self._identity(request, route, access)
            refusal = _refusal(decide_access(access, identity))
            if refusal is not None:
                raise refusal
            return await route.endpoint(request, identity)

        return endpoint

    async def _identity(self, request: Request, route: ProtectedRoute, access: Access) -> Identity | None:
        """Credentials that are given and bad admit nobody, also where none are needed; only `Anyone` ignores them."""
        match credentials_of(request):
            case None if isinstance(access, Anyone):
                return None
            case None:
                return self.admission.without_credentials(route.path, is_on_this_machine=_is_on_this_machine(request))
            case BearerToken(text):
                return await self.authenticate.by_bearer(text)
            case Unreadable():
                return None


def _is_on_this_machine(request: Request) -> bool:
    """A forwarded request is somebody else's, whoever forwards it."""
    return ip_address(request.client.address).is_loopback and not request.client.is_forwarded


def _refusal(decision: AccessDecision) -> Refusal | None:
    match decision:
        case Admitted():
            return None
        case NotAuthenticated():
            return Refusal(ErrorCode.INVALID_CREDENTIALS)
        case OperatorRequired():
            return Refusal(ErrorCode.FORBIDDEN, "this needs an operator's session")
        case RenewalDue():
            return Refusal(ErrorCode.SESSION_RENEWAL_REQUIRED)
        case ScopeMissing(scope):
            return Refusal(ErrorCode.FORBIDDEN, f"the token lacks the scope {scope}")
        case _:
            assert_never(decision)
