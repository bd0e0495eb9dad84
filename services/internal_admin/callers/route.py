"""Api: a route whose endpoint is told who calls. `Guard` makes it a `Route` that can be served."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.internal_admin.callers.identity import Identity
from shared.web.exchange import Request, Response

ProtectedEndpoint = Callable[[Request, Identity | None], Awaitable[Response]]
"""The identity is None only on routes for `Anyone`, from callers without good credentials."""


@dataclass(frozen=True, slots=True)
class ProtectedRoute:
    """As `shared.web.exchange.Route`; what it asks of its caller is said in `domain.access.ACCESS`."""

    method: str
    path: str
    endpoint: ProtectedEndpoint
    accepts_body: bool = False
