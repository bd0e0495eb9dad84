"""The guard before the routes of nodes: it checks the envelope and the node, and refuses all other calls (SPEC §16.2).

The rules of the control plane do not hold here: nodes have no cookie, no origin and no common limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Generic, Protocol

from contracts.errors import ErrorCode
from contracts.node.names import is_node_id
from contracts.signed_request import HEADERS, Envelope, EnvelopeRefused, decode_envelope, http_message_type
from services.internal_admin.callers.access import Anyone
from services.internal_admin.callers.identity import NodeCaller
from services.internal_admin.callers.route import ApiT, NodeRoute, Route
from services.internal_admin.callers.slow import failing_slowly
from services.internal_admin.node_access.domain import KnownNode, key_of, refusal_of_form, refusal_of_status
from services.internal_admin.node_access.replays import Replays
from shared.kernel.faults import InvariantBroken
from shared.web import exchange
from shared.web.exchange import Request, Response
from shared.web.refusals import refusal

_APPROVAL_TAKES = timedelta(seconds=30)


class Limiter(Protocol):
    """The part of `shared.web.rate_limit.RateLimiter` that the guard uses."""

    async def check(self, network_text: str, route_name: str, cost: int, /) -> timedelta | None: ...


class Nodes(Protocol):
    """The part of `KnownNodes` that the guard uses."""

    async def find(self, node_id: str, /) -> KnownNode | None: ...


@dataclass(frozen=True, slots=True)
class NodeGuard:
    """Makes declared routes of the node API servable (`protect`). `replays` is one for all routes of the process."""

    nodes: Nodes
    replays: Replays
    limiter: Limiter

    def protect(self, routes: Iterable[NodeRoute[ApiT] | Route[ApiT]], api: ApiT) -> tuple[exchange.Route, ...]:
        """These routes, answered by `api`. A `NodeRoute` asks for a signature, and a `Route` must be for anyone."""
        return tuple(
            exchange.Route(route.method, route.path, self._endpoint(route, api), route.accepts_body, route.body)
            for route in routes
        )

    def _endpoint(self, route: NodeRoute[ApiT] | Route[ApiT], api: ApiT) -> exchange.Endpoint:
        if isinstance(route, NodeRoute):
            return _SignedEndpoint(self, route, api)
        if not isinstance(route.access, Anyone) or route.before_limit is not None:
            raise InvariantBroken("a route of the node API is for nodes, or for anyone")
        return _OpenEndpoint(self, route, api)

    async def refusal_of_limit(self, of_whom: str, name: str, cost: int = 1) -> Response | None:
        """429 with `Retry-After` for a call past the limit; None: the call passes, and counts."""
        wait = await self.limiter.check(of_whom, name, cost)
        return None if wait is None else refusal(ErrorCode.RATE_LIMITED, retry_after=wait)


@dataclass(frozen=True, slots=True)
class _OpenEndpoint(Generic[ApiT]):
    """A route without a signature: the limit of the network, then the endpoint."""

    guard: NodeGuard
    route: Route[ApiT]
    api: ApiT

    async def __call__(self, request: Request) -> Response:
        route = self.route
        if route.limit is not None:
            refused = await self.guard.refusal_of_limit(request.client.network.text, route.limit.name)
            if refused is not None:
                return refused
        answer = partial(route.endpoint, self.api, request, None)
        return await (failing_slowly(answer) if route.slow_refusals else answer())


@dataclass(frozen=True, slots=True)
class _SignedEndpoint(Generic[ApiT]):
    """A route that a node signs. The order of its checks:

    1. protocol version and form of the envelope
    2. the node exists, is not revoked, and is approved
    3. payload hash, signature, time
    4. replay
    5. the route's own limit, the endpoint
    """

    guard: NodeGuard
    route: NodeRoute[ApiT]
    api: ApiT

    async def __call__(self, request: Request) -> Response:
        caller = await self._caller(request)
        if isinstance(caller, ErrorCode):
            is_to_wait = caller is ErrorCode.NODE_NOT_APPROVED
            return refusal(caller, retry_after=_APPROVAL_TAKES if is_to_wait else None)
        limit = self.route.limit
        if limit is not None:
            refused = await self.guard.refusal_of_limit(caller.node_id, limit.name, limit.cost(request))
            if refused is not None:
                return refused
        return await self.route.endpoint(self.api, request, caller)

    async def _caller(self, request: Request) -> NodeCaller | ErrorCode:
        try:
            envelope = decode_envelope(_envelope_headers(request))
        except EnvelopeRefused as refused:
            return refusal_of_form(refused.refusal)
        node = await self._node(envelope)
        refused = refusal_of_status(node)
        if node is None or refused is not None:
            return refused or ErrorCode.NODE_UNKNOWN
        key = key_of(envelope, _message_type(request), request.body, node)
        if isinstance(key, ErrorCode):
            return key
        if not self.guard.replays.take(node.node_id, envelope.request_id):
            return ErrorCode.REQUEST_REPLAYED
        return NodeCaller(
            node.node_id,
            node.pool,
            node.node_name,
            key.generation,
            key.encryption_key,
            envelope.request_id,
            envelope.timestamp_ms,
        )

    async def _node(self, envelope: Envelope) -> KnownNode | None:
        node_id = envelope.device_session_id
        return await self.guard.nodes.find(node_id) if is_node_id(node_id) else None


def _envelope_headers(request: Request) -> list[tuple[bytes, bytes]]:
    """The envelope's headers. Repeated ones are joined by a comma and a space, which no field of the contract has."""
    values = ((name, request.headers.get(name)) for name in HEADERS)
    return [(name.encode(), value.encode("latin-1")) for name, value in values if value is not None]


def _message_type(request: Request) -> str:
    return http_message_type(request.method, request.path.encode("latin-1"), request.query.encode("latin-1"))
