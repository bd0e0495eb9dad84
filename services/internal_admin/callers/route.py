"""The declaration of a route: its path, the callers that it admits, its limit, and how fast it refuses.

An `api.py` declares its routes as `ROUTES`, and `access.guard.Guard` applies each declaration to every call.
"""

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Generic, TypeAlias, TypeVar

from services.internal_admin.callers.access import Access, SignedByNode
from services.internal_admin.callers.identity import Identity, NodeCaller
from shared.kernel.rate import Rate
from shared.web.exchange import BodyRule, Request, Response

ApiT = TypeVar("ApiT")

Endpoint: TypeAlias = Callable[[ApiT, Request, Identity | None], Awaitable[Response]]
"""A method of an api. The identity is None only where `access` is `Anyone`, for callers without good credentials."""
NodeEndpoint: TypeAlias = Callable[[ApiT, Request, NodeCaller], Awaitable[Response]]
"""A method of an api that nodes call."""
Check: TypeAlias = Callable[[ApiT, Request, Identity | None], Awaitable[None]]
"""Returns, or raises `Refusal`."""

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PerNetwork:
    """How many calls of one network pass in a period. The limit's keys in Redis bear `name`: it is never renamed."""

    name: str
    count: int
    period: timedelta

    @property
    def rate(self) -> Rate:
        return Rate(self.count, self.period)


def _one(_: Request) -> int:
    return 1


@dataclass(frozen=True, slots=True)
class PerNode:
    """How many calls of one node pass in a period. The limit's keys in Redis bear `name`: it is never renamed.

    `cost` is how many a request counts for, `count` at most.
    """

    name: str
    count: int
    period: timedelta
    cost: Callable[[Request], int] = _one

    @property
    def rate(self) -> Rate:
        return Rate(self.count, self.period)


@dataclass(frozen=True, slots=True)
class Route(Generic[ApiT]):
    """Method, path, endpoint, `accepts_body` and `body` are those of `shared.web.exchange.Route`.

    `access`: what the caller needs. `limit`: a call past it is refused before the endpoint runs.
    `before_limit`: a call that this refuses does not count towards the limit.
    `slow_refusals`: every answer of the route that is not a success takes 300 ms at least.
    """

    method: str
    path: str
    endpoint: Endpoint[ApiT]
    _: KW_ONLY
    access: Access
    limit: PerNetwork | None = None
    before_limit: Check[ApiT] | None = None
    slow_refusals: bool = False
    accepts_body: bool = False
    body: BodyRule | None = None


@dataclass(frozen=True, slots=True)
class NodeRoute(Generic[ApiT]):
    """A route of the node API that asks for a node's signature. Joining has none, so its route is a `Route`.

    `limit`: a call of a node past it is refused before the endpoint runs. It counts calls with a good signature only.
    """

    method: str
    path: str
    endpoint: NodeEndpoint[ApiT]
    _: KW_ONLY
    access: SignedByNode
    limit: PerNode | None = None
    accepts_body: bool = False
    body: BodyRule | None = None
