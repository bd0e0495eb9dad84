"""Api: a route whose endpoint is told who calls. `Guard` makes it a `Route` that can be served."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import trio

from contracts.errors import ErrorCode
from services.internal_admin.callers.identity import Identity
from shared.kernel.rate import Rate
from shared.web.exchange import Request, Response
from shared.web.rate_limit import RateLimiter, RateStore
from shared.web.refusals import refusal

ProtectedEndpoint = Callable[[Request, Identity | None], Awaitable[Response]]
"""The identity is None only on routes for `Anyone`, from callers without good credentials."""


@dataclass(frozen=True, slots=True)
class ProtectedRoute:
    """As `shared.web.exchange.Route`; what it asks of its caller is said in `domain.access.ACCESS`."""

    method: str
    path: str
    endpoint: ProtectedEndpoint
    accepts_body: bool = False


FLOOR = timedelta(milliseconds=300)


def failing_slowly(endpoint: ProtectedEndpoint) -> ProtectedEndpoint:
    """`endpoint`, whose answers that are not a success come `FLOOR` after it was called or later.

    It waits when all work is done, so holding no thread, connection or lock; what took longer waits no more.
    """

    async def slow_endpoint(request: Request, identity: Identity | None) -> Response:
        called_at = trio.current_time()
        is_success = False
        try:
            response = await endpoint(request, identity)
            is_success = response.status < 400
            return response
        finally:
            if not is_success:
                await trio.sleep_until(called_at + FLOOR.total_seconds())

    return slow_endpoint


LimitName: TypeAlias = Literal[
    "all",
    "failed_authentication",
    "login",
    "recover",
    "change_password",
    "register_owner",
    "regenerate_recovery_codes",
    "exchange_setup_code",
]

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)

RATES: Final[Mapping[LimitName, Rate]] = MappingProxyType({
    "all": Rate(120, _MINUTE),
    "failed_authentication": Rate(60, _MINUTE),
    "login": Rate(5, 5 * _MINUTE),
    "recover": Rate(5, _HOUR),
    "change_password": Rate(10, _HOUR),
    "register_owner": Rate(3, _HOUR),
    "regenerate_recovery_codes": Rate(3, _HOUR),
    "exchange_setup_code": Rate(10, _HOUR),
})  # fmt: skip
"""`all` counts every call of the control plane; `failed_authentication` bounds the audit rows of bad credentials."""


def control_plane_limiter(redis: RateStore, key_prefix: str) -> RateLimiter:
    """The one limiter of the control plane; its `run` must be running."""
    return RateLimiter(redis, {str(name): rate for name, rate in RATES.items()}, key_prefix=key_prefix)


def limited(endpoint: ProtectedEndpoint, limiter: RateLimiter, name: LimitName) -> ProtectedEndpoint:
    """`endpoint` behind that limit: 429 with `Retry-After`, whatever the request says."""

    async def limited_endpoint(request: Request, identity: Identity | None) -> Response:
        wait = await limiter.check(request.client.network.text, name)
        if wait is not None:
            return refusal(ErrorCode.RATE_LIMITED, retry_after=wait)
        return await endpoint(request, identity)

    return limited_endpoint
