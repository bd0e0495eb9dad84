"""The relay's routes. Bodies and successes are OTLP's, in the form that the node chose; errors are ours."""

from datetime import timedelta
from functools import partial
from typing import Protocol

from contracts.errors import ErrorCode, Refusal
from contracts.node.telemetry import JSON, MAX_BODY_BYTES, MEDIA_TYPES, PROTOBUF, MediaType, Signal, telemetry_path
from services.internal_admin.callers.access import SignedByNode
from services.internal_admin.callers.identity import NodeCaller
from services.internal_admin.callers.route import NodeRoute
from services.internal_admin.node_telemetry.collector import Away, Collector, Refused, Taken
from services.internal_admin.node_telemetry.domain.body import BadData, NodeIdentity, TooLarge
from services.internal_admin.node_telemetry.flow import RETRY_AFTER, Relay, Relayed, TooFast
from services.internal_admin.node_telemetry.metrics import REQUESTS
from shared.kernel.faults import Overloaded
from shared.web.exchange import BodyRule, Request, Response
from shared.web.packed_body import unpacked_body
from shared.web.refusals import refusal

BODY = BodyRule(MAX_BODY_BYTES, MEDIA_TYPES, accepts_gzip=True)
_NOT_CONFIGURED_RETRY_AFTER = timedelta(minutes=1)


class Collectors(Protocol):
    """The collector of the moment."""

    async def current(self) -> Collector | Away | None:
        """The collector; None if the operator named none, and `Away` if nobody can say which one."""
        ...


class TelemetryApi:
    """The three routes, which share one relay."""

    def __init__(self, collectors: Collectors) -> None:
        self._collectors = collectors
        self._relay = Relay()

    async def traces(self, request: Request, node: NodeCaller) -> Response:
        return await self._answer("traces", request, node)

    async def metrics(self, request: Request, node: NodeCaller) -> Response:
        return await self._answer("metrics", request, node)

    async def logs(self, request: Request, node: NodeCaller) -> Response:
        return await self._answer("logs", request, node)

    async def _answer(self, signal: Signal, request: Request, node: NodeCaller) -> Response:
        collector, media_type, outcome = await self._collectors.current(), _media_type(request), "refused"
        if collector is None:
            REQUESTS.add("not_configured", signal)
            return refusal(ErrorCode.TELEMETRY_NOT_CONFIGURED, retry_after=_NOT_CONFIGURED_RETRY_AFTER)
        if isinstance(collector, Away):
            REQUESTS.add(_outcome(collector), signal)
            return _response(collector, media_type)
        try:
            relayed = await self._relay.relay(
                collector,
                signal,
                media_type,
                NodeIdentity(node.node_id, node.pool),
                partial(unpacked_body, request, MAX_BODY_BYTES),
            )
            outcome, response = _outcome(relayed), _response(relayed, media_type)
        except BadData as fault:
            raise Refusal(ErrorCode.INVALID_REQUEST, str(fault)) from None
        except TooLarge as fault:
            raise Refusal(ErrorCode.REQUEST_TOO_LARGE, str(fault)) from None
        except Overloaded:
            outcome = "overloaded"
            raise
        finally:
            REQUESTS.add(outcome, signal)
        return response


_SIGNED = SignedByNode()

ROUTES = (
    NodeRoute("POST", telemetry_path("traces"), TelemetryApi.traces, access=_SIGNED, body=BODY),
    NodeRoute("POST", telemetry_path("metrics"), TelemetryApi.metrics, access=_SIGNED, body=BODY),
    NodeRoute("POST", telemetry_path("logs"), TelemetryApi.logs, access=_SIGNED, body=BODY),
)


def _media_type(request: Request) -> MediaType:
    """The form of the body. The edge refused every other than those of `BODY`."""
    given = request.headers.get("content-type") or ""
    return PROTOBUF if given.lower().startswith(PROTOBUF) else JSON


def _outcome(relayed: Relayed) -> str:
    match relayed:
        case Taken():
            return "forwarded"
        case Refused():
            return "refused_by_collector"
        case Away():
            return "collector_away"
        case TooFast():
            return "rate_limited"


def _response(relayed: Relayed, media_type: MediaType) -> Response:
    match relayed:
        case Taken(answer):
            return Response(200, answer, ((b"content-type", media_type.encode("ascii")),))
        case Refused(is_too_large=True):
            return refusal(ErrorCode.REQUEST_TOO_LARGE, "the collector refused the body as too large")
        case Refused():
            return refusal(ErrorCode.INVALID_REQUEST, "the collector refused the body as malformed")
        case Away():
            return refusal(ErrorCode.SERVICE_UNAVAILABLE, "the collector is away", retry_after=RETRY_AFTER)
        case TooFast(retry_after):
            return refusal(ErrorCode.RATE_LIMITED, "more than 1 MiB a second of telemetry", retry_after=retry_after)
