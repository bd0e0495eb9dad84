"""A server on loopback: log-in, self-service and one signed route. It judges what a client sends, and can misbehave."""

import base64
import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final

from clients.gateway.clock import wall_clock
from clients.js.conformance.golden import is_signature
from clients.node.conformance.loopback import Answered, Asked, Loopback
from contracts.encoding import encode
from contracts.envelope_signature import is_signed_by
from contracts.errors import Refusal
from contracts.signed_request import Envelope, EnvelopeRefused, decode_envelope
from contracts.strict_json import decode_object
from contracts.uvarint import length_prefixed

AUTH: Final = "/api/v1/public/auth"
SESSIONS: Final = "/api/v1/public/device-sessions"
HOST: Final = "auth.example.com"
CODE: Final = "012345"
WINDOW_MS: Final = 30_000
_UNCHECKABLE: Final = "client_key_proof cannot be checked here: no public host is configured"


@dataclass(slots=True)
class AuthServer:
    """The server and what it heard. A scenario sets the fields that say how it misbehaves."""

    ahead_ms: int = 0
    """How far the clock of this server is ahead."""
    lost_answers: int = 0
    """So many further confirms are carried out, and their answer is lost."""
    checks_proofs: bool = True
    """False: the server has no public host, so that it refuses any proof."""
    refuses: tuple[int, str] | None = None
    """Status and code that every signed request gets."""
    confirms: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    faults: list[str] = field(default_factory=list[str])
    """Each thing that a client did and must not do."""
    request_ids: list[str] = field(default_factory=list[str])
    ended: set[str] = field(default_factory=set[str])
    _challenges: dict[str, tuple[str, str] | None] = field(default_factory=dict[str, tuple[str, str] | None])
    _keys: dict[str, str] = field(default_factory=dict[str, str])
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def sessions(self) -> list[str]:
        """The ids of all sessions that were opened."""
        return list(self._keys)

    def answer(self, asked: Asked) -> Answered:
        match asked.method, asked.path:
            case "POST", path if path == f"{AUTH}/send-email-code":
                return self._send()
            case "POST", path if path == f"{AUTH}/confirm-email-code":
                return self._confirm(asked)
            case _:
                return self._signed(asked)

    def _send(self) -> Answered:
        challenge_id = f"challenge-{next(self._numbers)}"
        self._challenges[challenge_id] = None
        return self._say(200, {"challenge_id": challenge_id})

    def _confirm(self, asked: Asked) -> Answered:
        try:
            body = decode_object(asked.body)
        except Refusal:
            self.faults.append("a confirm that is no JSON object")
            return self._refuse(400, "invalid_request")
        self.confirms.append(body)
        return self._refused_proof(body) or self._registered(body)

    def _refused_proof(self, body: Mapping[str, Any]) -> Answered | None:
        if not self.checks_proofs and "client_key_proof" in body:
            return self._refuse(400, "invalid_request", _UNCHECKABLE)
        if self.checks_proofs and not _is_proven(body):
            self.faults.append("a confirm without a right client_key_proof")
            return self._refuse(400, "invalid_client_public_key")
        return None

    def _registered(self, body: Mapping[str, Any]) -> Answered:
        challenge_id, key, code = str(body.get("challenge_id")), str(body.get("client_public_key")), _code_in(body)
        if challenge_id not in self._challenges:
            return self._refuse(404, "challenge_not_found")
        if code != CODE or self._challenges[challenge_id] not in {None, (code, key)}:
            return self._refuse(400, "invalid_code")
        self._challenges[challenge_id] = (code, key)
        device_session_id = f"device-{challenge_id}"
        self._keys[device_session_id] = key
        if self.lost_answers > 0:
            self.lost_answers -= 1
            return Answered(200, cut=True)
        return self._say(200, {"device_session_id": device_session_id})

    def _signed(self, asked: Asked) -> Answered:
        try:
            envelope = decode_envelope((name.encode(), value.encode()) for name, value in asked.headers.items())
        except EnvelopeRefused as refused:
            self.faults.append(f"a request without an envelope: {refused.refusal.value}")
            return self._refuse(400, refused.refusal.value)
        if self.refuses is not None:
            return self._refuse(*self.refuses)
        return self._judge(asked, envelope) or self._served(asked, envelope.device_session_id)

    def _judge(self, asked: Asked, envelope: Envelope) -> Answered | None:
        key = self._keys.get(envelope.device_session_id)
        if key is None or envelope.device_session_id in self.ended:
            return self._refuse(401, "session_unknown" if key is None else "session_revoked")
        if hashlib.sha256(asked.body).digest() != envelope.payload_hash:
            self.faults.append("a payload hash of another body")
            return self._refuse(401, "payload_hash_mismatch")
        if not is_signed_by(base64.b64decode(key), envelope, f"{asked.method} {asked.target}"):
            self.faults.append(f"a wrong signature of {asked.method} {asked.target}")
            return self._refuse(401, "invalid_signature")
        is_repeated = envelope.request_id in self.request_ids
        self.request_ids.append(envelope.request_id)
        if is_repeated:
            self.faults.append("a request id that was used before")
            return self._refuse(401, "request_replayed")
        if abs(self._now_ms() - envelope.timestamp_ms) > WINDOW_MS:
            return self._refuse(401, "timestamp_out_of_window")
        return None

    def _served(self, asked: Asked, device_session_id: str) -> Answered:
        if asked.method == "DELETE" and asked.path == f"{SESSIONS}/{device_session_id}":
            self.ended.add(device_session_id)
            return self._say(200, {"outcome": "revoked", "device_session_id": device_session_id})
        return self._say(200, {"device_session_id": device_session_id})

    def _now_ms(self) -> int:
        return int(wall_clock() * 1000) + self.ahead_ms

    def _refuse(self, status: int, code: str, message: str = "refused") -> Answered:
        return self._say(status, {"error": {"code": code, "message": message}})

    def _say(self, status: int, body: Mapping[str, object]) -> Answered:
        headers = {"content-type": "application/json", "date": formatdate(self._now_ms() / 1000, usegmt=True)}
        return Answered(status, encode(body), headers)


def listening(server: AuthServer) -> Loopback:
    """The server, not started yet."""
    return Loopback(server.answer)


def _code_in(body: Mapping[str, Any]) -> str:
    """The digits of the code. A client may send the text as the person typed it; the scenarios type spaces only."""
    return str(body.get("code")).replace(" ", "")


def _is_proven(body: Mapping[str, Any]) -> bool:
    try:
        key, proof = (base64.b64decode(body[name]) for name in ("client_public_key", "client_key_proof"))
        fields = (HOST, str(body["challenge_id"]), _code_in(body))
    except (KeyError, TypeError, ValueError):
        return False
    message = length_prefixed(b"authsession-confirm-v1", *(text.encode() for text in fields))
    return is_signature(key, proof, message)
