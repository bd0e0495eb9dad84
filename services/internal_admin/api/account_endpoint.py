"""Api: what the routes of operators' accounts have in common: limits, the floor under refusals, how outcomes answer."""

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.api.failing_slowly import failing_slowly
from services.internal_admin.api.limited import LimitName, limited
from services.internal_admin.api.protected_route import ProtectedEndpoint, ProtectedRoute
from services.internal_admin.domain.password import PasswordRefused
from shared.web.rate_limit import RateLimiter

ROOT = "/api/control-plane/auth"


def account_route(path: str, endpoint: ProtectedEndpoint, limiter: RateLimiter, name: LimitName) -> ProtectedRoute:
    """A POST route whose refusals come late, the limit's too."""
    return ProtectedRoute("POST", ROOT + path, failing_slowly(limited(endpoint, limiter, name)), accepts_body=True)


def password_refusal(refused: PasswordRefused) -> Refusal:
    """Each rule has a code of its own."""
    return Refusal(ErrorCode(refused.fault))
