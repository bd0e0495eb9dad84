"""Api: why a request goes no further than the guard, as the error it is answered with. Asks no store."""

from dataclasses import dataclass
from typing import assert_never

from contracts.errors import ErrorCode
from services.internal_admin.access.domain import (
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
from services.internal_admin.callers.identity import Identity, Operator
from services.internal_admin.callers.request import is_same_origin, scheme_of
from shared.web.exchange import Request

_OPERATORS_ONLY = "this needs the session of an operator"
_RENEWAL = "session renewal required: GET /api/control-plane/auth/session renews it"


@dataclass(frozen=True, slots=True)
class Denial:
    """The word of `code` is the outcome on the audit trail; without a message, the answer has that of the table."""

    code: ErrorCode
    message: str | None = None


def denial_of(access: Access, identity: Identity | None, request: Request) -> Denial | None:
    """None: the caller may."""
    denial = _denial(decide_access(access, identity))
    if denial is None and _needs_proof(access, identity, request):
        is_proven = is_same_origin(request.headers, scheme_of(request))
        return None if is_proven else Denial(ErrorCode.CROSS_ORIGIN_REQUEST)
    return denial


def _needs_proof(access: Access, identity: Identity | None, request: Request) -> bool:
    """Of its origin: a browser adds a cookie to what any page makes it send. What is for anyone goes by no cookie."""
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
