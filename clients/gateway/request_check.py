"""Checks signed requests, in the order of SPEC §6.5. Knows no transport."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from clients.gateway.clock import Clock, wall_clock
from clients.gateway.replay import Taken
from clients.gateway.session_cache import Active, Answer, Revoked, Unavailable, Unknown
from clients.gateway.signature import is_signed
from contracts.gateway import GatewayRecord
from contracts.gateway_configuration import is_too_old
from contracts.signed_request import Envelope, EnvelopeRefused, RequestRefusal, decode_envelope

WINDOW = 30.0
"""The largest difference between a request's time and the gateway's, in seconds, in both directions."""


def replay_life(window: float) -> float:
    """How long a taken request must be remembered, in seconds.

    A request is fresh from `window` before its time to `window` after it. The clocks of two gateways may differ by one
    more `window`.
    """
    return 3 * window


class Sessions(Protocol):
    async def find(self, device_session_id: str) -> Answer: ...


class Replays(Protocol):
    async def take(self, device_session_id: str, request_id: str) -> Taken: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """An envelope and the active session that it names. No claim in it is proved yet."""

    envelope: Envelope
    session: GatewayRecord


class RequestCheck:
    """Checks requests in two steps. `identify` needs no body, so a gateway reads no body of an unknown session.

    `prove` does the other checks.
    """

    def __init__(
        self, sessions: Sessions, replays: Replays, *, window: float = WINDOW, clock: Clock = wall_clock
    ) -> None:
        """`window` is in seconds. `replays` must remember requests for `replay_life(window)`."""
        self._sessions = sessions
        self._replays = replays
        self._window_ms = window * 1000
        self._clock = clock

    async def identify(
        self, headers: Iterable[tuple[bytes, bytes]], *, max_session_age: int | None = None
    ) -> Claim | RequestRefusal:
        """Checks version, form, session, and the seconds since its login. Returns the claim or the refusal."""
        try:
            envelope = decode_envelope(headers)
        except EnvelopeRefused as refused:
            return refused.refusal
        session = await self._session(envelope.device_session_id)
        if isinstance(session, RequestRefusal):
            return session
        if max_session_age is not None and is_too_old(session.device_session_id, max_session_age, self._clock() * 1000):
            return RequestRefusal.SESSION_TOO_OLD
        return Claim(envelope, session)

    async def prove(self, claim: Claim, message_type: str, body: bytes) -> GatewayRecord | RequestRefusal:
        """Checks payload hash, signature, freshness and replay, then the session again, because time has passed.

        Returns the session or the refusal.
        """
        refusal = self._first_refusal(claim, message_type, body) or await self._replayed(claim.envelope)
        return refusal or await self._session(claim.envelope.device_session_id)

    def _first_refusal(self, claim: Claim, message_type: str, body: bytes) -> RequestRefusal | None:
        envelope = claim.envelope
        if not hmac.compare_digest(hashlib.sha256(body).digest(), envelope.payload_hash):
            return RequestRefusal.PAYLOAD_HASH_MISMATCH
        if not is_signed(envelope, message_type, claim.session.client_public_key):
            return RequestRefusal.INVALID_SIGNATURE
        if abs(self._clock() * 1000 - envelope.timestamp_ms) > self._window_ms:
            return RequestRefusal.TIMESTAMP_OUT_OF_WINDOW
        return None

    async def _replayed(self, envelope: Envelope) -> RequestRefusal | None:
        match await self._replays.take(envelope.device_session_id, envelope.request_id):
            case "taken":
                return None
            case "replayed":
                return RequestRefusal.REQUEST_REPLAYED
            case "unavailable":
                return RequestRefusal.SESSIONS_UNAVAILABLE

    async def _session(self, device_session_id: str) -> GatewayRecord | RequestRefusal:
        match await self._sessions.find(device_session_id):
            case Active(record):
                return record
            case Revoked():
                return RequestRefusal.SESSION_REVOKED
            case Unknown():
                return RequestRefusal.SESSION_UNKNOWN
            case Unavailable():
                return RequestRefusal.SESSIONS_UNAVAILABLE
