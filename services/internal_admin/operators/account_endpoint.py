"""Api: what the routes of operators' accounts have in common: limits, the floor under refusals, how outcomes answer."""

from contracts.errors import ERRORS, ErrorCode, Refusal
from services.internal_admin.callers.route import LimitName, ProtectedEndpoint, ProtectedRoute, failing_slowly, limited
from services.internal_admin.operators.domain.password import PasswordRefused
from shared.web.rate_limit import RateLimiter

ROOT = "/api/control-plane/auth"


def account_route(path: str, endpoint: ProtectedEndpoint, limiter: RateLimiter, name: LimitName) -> ProtectedRoute:
    """A POST route whose refusals come late, the limit's too."""
    return unlimited_account_route(path, limited(endpoint, limiter, name))


def unlimited_account_route(path: str, endpoint: ProtectedEndpoint) -> ProtectedRoute:
    """As `account_route`, for an endpoint that asks its limit itself."""
    return ProtectedRoute("POST", ROOT + path, failing_slowly(endpoint), accepts_body=True)


def password_refusal(refused: PasswordRefused) -> Refusal:
    """Each rule has a code of its own, and says itself."""
    code = ErrorCode(refused.fault)
    return Refusal(code, f"{ERRORS[code].message}: {refused.rule}")
