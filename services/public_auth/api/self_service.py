"""The routes of a device (SPEC §20.1). Its own key signs each call, as it signs requests to a gateway (SPEC §6.5)."""

from datetime import timedelta
from typing import Final

from contracts.errors import ErrorCode
from contracts.self_service import (
    REFUSED_BY_OUTCOME,
    NameSession,
    Order,
    RevokeOthers,
    RevokeSession,
    encode_listed_sessions,
    encode_named,
    encode_others_revoked,
    encode_revoked,
    read_order,
)
from contracts.signed_request import HEADERS, Envelope, EnvelopeRefused, decode_envelope, http_message_type
from contracts.strict_query import decode_query
from services.public_auth.domain.self_service import Proved, Repeated, Signer
from services.public_auth.flows.self_service import SelfServiceFlow
from services.public_auth.metrics import Count
from services.public_auth.store.self_service import CarriedOut, SignedOrder
from shared.web.exchange import Request, Response
from shared.web.rate_limit import RateLimiter
from shared.web.refusals import refusal

SELF_SERVICE: Final = "self_service"
"""The name of the rate limit of a session, in Redis and in the settings."""
UNANSWERED: Final = "unanswered"
_RETRY_AFTER = timedelta(seconds=1)


class SelfServiceApi:
    """The endpoints. The order of the checks: form, session, payload hash, signature, time, replay, rate."""

    def __init__(self, flow: SelfServiceFlow, limiter: RateLimiter, count: Count) -> None:
        self._flow = flow
        self._limiter = limiter
        self._count = count

    async def list_sessions(self, request: Request) -> Response:
        """`GET device-sessions`."""
        envelope = _envelope(request)
        if isinstance(envelope, ErrorCode):
            return self._refused(envelope)
        _ = decode_query(request.query, frozenset())
        proved = await self._proved(request, envelope)
        if isinstance(proved, Response):
            return proved
        listed = await self._flow.sessions(proved.signer)
        self._count("listed")
        return Response(200, encode_listed_sessions(listed))

    async def order(self, request: Request) -> Response:
        """The routes that change something. The order is read from what the device signed."""
        envelope = _envelope(request)
        if isinstance(envelope, ErrorCode):
            return self._refused(envelope)
        order = read_order(_message_type(request), request.body)
        proved = await self._proved(request, envelope)
        if isinstance(proved, Response):
            return proved
        return self._answer(order, proved.signer, await self._carry_out(request, envelope, proved))

    async def _proved(self, request: Request, envelope: Envelope) -> Proved | Repeated | Response:
        """Only a proved call counts against the rate of its session, or others could keep a device from its log-out."""
        proved = await self._flow.identify(envelope, _message_type(request), request.body)
        if isinstance(proved, ErrorCode):
            return self._refused(proved)
        wait = await self._limiter.check(envelope.device_session_id, SELF_SERVICE, counts_in_total=False)
        return proved if wait is None else self._refused(ErrorCode.RATE_LIMITED, wait)

    async def _carry_out(
        self, request: Request, envelope: Envelope, proved: Proved | Repeated
    ) -> CarriedOut | ErrorCode | None:
        if isinstance(proved, Repeated):
            return await self._flow.outcome(proved.order_id)
        return await self._flow.carry_out(
            SignedOrder(
                device_session_id=envelope.device_session_id,
                request_id=envelope.request_id,
                message_type=_message_type(request),
                timestamp_ms=envelope.timestamp_ms,
                body=request.body,
                signature=envelope.signature,
                network=request.client.network.text,
                http_request_id=request.request_id,
            )
        )

    def _answer(self, order: Order, signer: Signer, carried_out: CarriedOut | ErrorCode | None) -> Response:
        if carried_out is None:
            self._count(UNANSWERED)
            return refusal(ErrorCode.SERVICE_UNAVAILABLE, retry_after=_RETRY_AFTER)
        if isinstance(carried_out, ErrorCode):
            return self._refused(carried_out)
        refused = REFUSED_BY_OUTCOME.get(carried_out.outcome)
        if refused is not None:
            return self._refused(refused)
        self._count(carried_out.outcome.value)
        return Response(200, _encoded(order, signer, carried_out))

    def _refused(self, code: ErrorCode, retry_after: timedelta | None = None) -> Response:
        self._count(code.value)
        return refusal(code, retry_after=retry_after)


def _encoded(order: Order, signer: Signer, carried_out: CarriedOut) -> bytes:
    match order:
        case RevokeSession(device_session_id):
            return encode_revoked(carried_out.outcome, device_session_id)
        case RevokeOthers():
            return encode_others_revoked(carried_out.outcome, carried_out.session_count)
        case NameSession(label):
            return encode_named(carried_out.outcome, signer.device_session_id, label)


def _envelope(request: Request) -> Envelope | ErrorCode:
    """The envelope. Repeated headers are joined by a comma and a space, which no field of the contract has."""
    values = ((name, request.headers.get(name)) for name in HEADERS)
    try:
        return decode_envelope((name.encode(), value.encode("latin-1")) for name, value in values if value is not None)
    except EnvelopeRefused as refused:
        return ErrorCode(refused.refusal.value)


def _message_type(request: Request) -> str:
    return http_message_type(request.method, request.path.encode("latin-1"), request.query.encode("latin-1"))
