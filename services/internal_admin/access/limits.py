"""The limits of the control plane per network, and the floor under refusals (SPEC §10.6)."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any

import trio

from services.internal_admin.callers.route import MINUTE, PerNetwork, Route
from shared.web.exchange import Response
from shared.web.rate_limit import RateLimiter, RateStore

ALL = PerNetwork("all", 120, MINUTE)
"""Counts every call of the control plane."""
FAILED_AUTHENTICATION = PerNetwork("failed_authentication", 60, MINUTE)
"""Bounds the audit rows of bad credentials."""
FLOOR = timedelta(milliseconds=300)


def limits_of(routes: Iterable[Route[Any]]) -> tuple[PerNetwork, ...]:
    """The limits that these routes declare, and the two that hold for all of them."""
    return (ALL, FAILED_AUTHENTICATION, *(route.limit for route in routes if route.limit is not None))


def control_plane_limiter(redis: RateStore, key_prefix: str, routes: Iterable[Route[Any]]) -> RateLimiter:
    """The one limiter of the control plane. Its `run` must be running."""
    return RateLimiter(redis, {limit.name: limit.rate for limit in limits_of(routes)}, key_prefix=key_prefix)


async def failing_slowly(answer: Callable[[], Awaitable[Response]]) -> Response:
    """Return or raise what `answer` does. An answer that is not a success comes `FLOOR` after the call, or later.

    The wait begins when all work is done, so it holds no thread, connection or lock. Work that took longer than
    `FLOOR` is not followed by a wait.
    """
    called_at = trio.current_time()
    is_success = False
    try:
        response = await answer()
        is_success = response.status < 400
        return response
    finally:
        if not is_success:
            await trio.sleep_until(called_at + FLOOR.total_seconds())
