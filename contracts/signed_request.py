"""The signed request: its headers, the bytes that are signed, and the reasons to refuse one (SPEC §6.5).

`clients.gateway` signs and verifies. `vectors/signed_requests.json` holds golden data.

Over HTTP an envelope is six headers, each exactly once. Binary values are padded standard base64. `message_type` has
no header: it is the method and target of the request line, such as `POST /orders?dry=1`. So a signature is valid for
one route only.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.uvarint import length_prefixed

PROTOCOL_VERSION: Final = "v1"
REQUEST_MARKER: Final = b"galaxy-request-v1"
HASH_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

PROTOCOL_VERSION_HEADER: Final = "galaxy-protocol-version"
DEVICE_SESSION_ID_HEADER: Final = "galaxy-device-session-id"
TIMESTAMP_MS_HEADER: Final = "galaxy-timestamp-ms"
REQUEST_ID_HEADER: Final = "galaxy-request-id"
PAYLOAD_HASH_HEADER: Final = "galaxy-payload-hash"
SIGNATURE_HEADER: Final = "galaxy-signature"
HEADERS: Final = (
    PROTOCOL_VERSION_HEADER,
    DEVICE_SESSION_ID_HEADER,
    TIMESTAMP_MS_HEADER,
    REQUEST_ID_HEADER,
    PAYLOAD_HASH_HEADER,
    SIGNATURE_HEADER,
)
AUTHENTICATION_SCHEME: Final = "Galaxy-Request-V1"
"""The scheme in `WWW-Authenticate` of a 401 (RFC 9110 §11.6.1)."""

_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_REQUEST_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_TIMESTAMP = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


class RequestRefusal(StrEnum):
    """The reasons to refuse a request, in the order of the checks. The values are stable; HTTP sends them as `code`."""

    UNSUPPORTED_PROTOCOL_VERSION = "unsupported_protocol_version"
    INVALID_ENVELOPE = "invalid_envelope"
    SESSION_UNKNOWN = "session_unknown"
    SESSION_REVOKED = "session_revoked"
    SESSIONS_UNAVAILABLE = "sessions_unavailable"
    SESSION_TOO_OLD = "session_too_old"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    PAYLOAD_HASH_MISMATCH = "payload_hash_mismatch"
    INVALID_SIGNATURE = "invalid_signature"
    TIMESTAMP_OUT_OF_WINDOW = "timestamp_out_of_window"
    REQUEST_REPLAYED = "request_replayed"


REFUSAL_STATUS: Final = {
    RequestRefusal.UNSUPPORTED_PROTOCOL_VERSION: 400,
    RequestRefusal.INVALID_ENVELOPE: 400,
    RequestRefusal.SESSION_UNKNOWN: 401,
    RequestRefusal.SESSION_REVOKED: 401,
    RequestRefusal.SESSIONS_UNAVAILABLE: 503,
    RequestRefusal.SESSION_TOO_OLD: 401,
    RequestRefusal.PAYLOAD_TOO_LARGE: 413,
    RequestRefusal.PAYLOAD_HASH_MISMATCH: 401,
    RequestRefusal.INVALID_SIGNATURE: 401,
    RequestRefusal.TIMESTAMP_OUT_OF_WINDOW: 401,
    RequestRefusal.REQUEST_REPLAYED: 401,
}
"""The HTTP status of each refusal.

`sessions_unavailable` is sent with `Retry-After`. The request had no effect. The client must sign it again with a new
request id, because the gateway may have marked the old id as seen.
"""


class EnvelopeRefused(ValueError):
    """The headers are no valid envelope. `refusal` is one of the first two members. The message shows no value."""

    def __init__(self, refusal: RequestRefusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Envelope:
    """A client's claims about its request. None of them may be trusted before every check has passed."""

    device_session_id: str
    timestamp_ms: int
    request_id: str
    payload_hash: bytes
    signature: bytes


def decode_envelope(headers: Iterable[tuple[bytes, bytes]]) -> Envelope:
    """The envelope in these headers. Names are case-insensitive, and other headers are ignored.

    The version is checked first, because another version may have other headers. A repeated header is refused. Raises
    `EnvelopeRefused`.
    """
    given = _only_ours(headers)
    if given.get(PROTOCOL_VERSION_HEADER) != PROTOCOL_VERSION:
        raise EnvelopeRefused(RequestRefusal.UNSUPPORTED_PROTOCOL_VERSION)
    try:
        return Envelope(
            _matching(given[DEVICE_SESSION_ID_HEADER], _SESSION_ID),
            int(_matching(given[TIMESTAMP_MS_HEADER], _TIMESTAMP)),
            _matching(given[REQUEST_ID_HEADER], _REQUEST_ID),
            decode_base64(given[PAYLOAD_HASH_HEADER], HASH_BYTES),
            decode_base64(given[SIGNATURE_HEADER], SIGNATURE_BYTES),
        )
    except (KeyError, ValueError):
        raise EnvelopeRefused(RequestRefusal.INVALID_ENVELOPE) from None


def encode_envelope(envelope: Envelope) -> dict[str, str]:
    """The six headers of the envelope."""
    return {
        PROTOCOL_VERSION_HEADER: PROTOCOL_VERSION,
        DEVICE_SESSION_ID_HEADER: envelope.device_session_id,
        TIMESTAMP_MS_HEADER: str(envelope.timestamp_ms),
        REQUEST_ID_HEADER: envelope.request_id,
        PAYLOAD_HASH_HEADER: base64.b64encode(envelope.payload_hash).decode("ascii"),
        SIGNATURE_HEADER: base64.b64encode(envelope.signature).decode("ascii"),
    }


def signed_bytes(
    *, device_session_id: str, message_type: str, timestamp_ms: int, request_id: str, payload_hash: bytes
) -> bytes:
    """The bytes that are signed: the time as eight bytes big-endian, every other field as uvarint length + bytes.

    Text is UTF-8. `payload_hash` is the SHA-256 of the whole body, even of an empty one.
    """
    head = length_prefixed(REQUEST_MARKER, PROTOCOL_VERSION.encode(), device_session_id.encode(), message_type.encode())
    return head + timestamp_ms.to_bytes(8, "big") + length_prefixed(request_id.encode(), payload_hash)


def http_message_type(method: str, path: bytes, query: bytes) -> str:
    """Method and target of the request line as sent (RFC 9112 §3). `path` is not decoded; `query` has no `?`."""
    target = path + b"?" + query if query else path
    return f"{method} {target.decode('latin-1')}"


def decode_base64(text: str, count: int) -> bytes:
    """The `count` bytes of padded, canonical base64. Raises `ValueError` for anything else.

    `b64decode` alone would accept non-zero unused bits.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not padded standard base64") from None
    if len(raw) != count or base64.b64encode(raw).decode("ascii") != text:
        raise ValueError(f"not padded standard base64 of {count} bytes")
    return raw


def _only_ours(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The envelope's headers by lower-case name. A repeated header gets an empty value, which no field accepts."""
    given: dict[str, str] = {}
    for name, value in headers:
        known = name.lower().decode("latin-1")
        if known in HEADERS:
            given[known] = "" if known in given else value.decode("latin-1")
    return given


def _matching(text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(text):
        raise ValueError("not of the contract's form")
    return text
