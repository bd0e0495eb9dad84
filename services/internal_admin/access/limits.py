"""The limits of the internal listener per network and per node (SPEC §10.6, §16.8)."""

from collections.abc import Iterable
from typing import Any

from services.internal_admin.callers.route import MINUTE, NodeRoute, PerNetwork, PerNode, Route
from shared.web.rate_limit import RateLimiter, RateStore

ALL = PerNetwork("all", 120, MINUTE)
"""Counts every call of the control plane."""
FAILED_AUTHENTICATION = PerNetwork("failed_authentication", 60, MINUTE)
"""Bounds the audit rows of bad credentials."""


def limits_of(routes: Iterable[Route[Any] | NodeRoute[Any]]) -> tuple[PerNetwork | PerNode, ...]:
    """The limits that these routes declare, and the two of the control plane."""
    return (ALL, FAILED_AUTHENTICATION, *(route.limit for route in routes if route.limit is not None))


def control_plane_limiter(
    redis: RateStore, key_prefix: str, routes: Iterable[Route[Any] | NodeRoute[Any]]
) -> RateLimiter:
    """The one limiter of the internal listener. Its `run` must be running."""
    return RateLimiter(redis, {limit.name: limit.rate for limit in limits_of(routes)}, key_prefix=key_prefix)
