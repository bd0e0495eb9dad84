"""The gateway projection: its keys in Redis, the cache record and the stream entry (SPEC §6.1).

No other module knows these. The reason and the actor of a revocation are not part of it, because gateways do not use
them. `contracts.signed_request` has the signed requests that a gateway checks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.session_status import SessionStatus
from contracts.strict_json import decode_object

_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_NAMES: Final = frozenset({"device_session_id", "user_id", "client_public_key", "status", "revoked_at_ms"})
_REPLAY_PREFIX: Final = "gateway:replay:"


@dataclass(frozen=True, slots=True)
class GatewayKeys:
    """The key names in Redis.

    On Redis Cluster, `record_prefix` and `stream` must share a hash tag; the projection key then has it too.
    """

    record_prefix: str = "gateway:session:"
    stream: str = "gateway:session_events"

    def record(self, device_session_id: str) -> str:
        """The key of a session's cache record."""
        return self.record_prefix + device_session_id

    @property
    def projection(self) -> str:
        """The key of the projection's own state; `gateway:projection` by default."""
        return self.record_prefix.removesuffix("session:") + "projection"

    def replay(self, device_session_id: str, request_id: str) -> str:
        """The key that marks a request as seen. Gateways own it; it does not depend on `record_prefix`."""
        return f"{_REPLAY_PREFIX}{device_session_id}:{request_id}"


class MalformedRecord(ValueError):
    """A cache record or stream entry that breaks the contract. The message shows no value."""


@dataclass(frozen=True, slots=True)
class GatewayRecord:
    """A device session as the gateway sees it.

    `client_public_key` is base64; `revoked_at_ms` counts milliseconds since 1970 UTC. Raises `MalformedRecord` unless
    a revoked record, and no other, has `revoked_at_ms`.
    """

    device_session_id: str
    user_id: str
    client_public_key: str
    status: SessionStatus
    revoked_at_ms: int | None = None

    def __post_init__(self) -> None:
        if (self.status == "revoked") != (self.revoked_at_ms is not None):
            raise MalformedRecord("revoked_at_ms belongs to revoked records, and to no others")


@dataclass(frozen=True, slots=True)
class ProjectionState:
    """The keeper's state in `GatewayKeys.projection`. Each check of this Redis increments `beat` (SPEC §6.4)."""

    epoch: str
    is_complete: bool
    beat: int


def decode_projection(fields: Mapping[bytes, bytes]) -> ProjectionState | None:
    """The state in the hash `GatewayKeys.projection`. None if the hash is missing or breaks the contract."""
    epoch, state, beat = (fields.get(name, b"") for name in (b"epoch", b"state", b"beat"))
    if not epoch or not state or not _WHOLE_NUMBER.fullmatch(beat.decode("latin-1")):
        return None
    return ProjectionState(epoch.decode("latin-1"), state == b"complete", int(beat))


def encode_record(record: GatewayRecord) -> bytes:
    """The value of the cache key: compact JSON, with `revoked_at_ms` only in a revoked record."""
    texts = _texts(record)
    return encode(texts if record.revoked_at_ms is None else {**texts, "revoked_at_ms": record.revoked_at_ms})


def decode_record(value: bytes) -> GatewayRecord:
    """The record of a cache value; raises `MalformedRecord` and nothing else."""
    try:
        fields = decode_object(value)
    except Refusal as refusal:
        raise MalformedRecord(refusal.message) from None
    if "revoked_at_ms" in fields and fields["revoked_at_ms"] is None:
        raise MalformedRecord("revoked_at_ms is not a whole number")
    return _record(fields, fields.get("revoked_at_ms"))


def encode_stream_entry(record: GatewayRecord) -> dict[str, str]:
    """The fields of the record as a stream entry, all of them strings."""
    texts = _texts(record)
    return texts if record.revoked_at_ms is None else {**texts, "revoked_at_ms": str(record.revoked_at_ms)}


def decode_stream_entry(fields: Mapping[str, str]) -> GatewayRecord:
    """The record of a stream entry; raises `MalformedRecord` and nothing else."""
    text = fields.get("revoked_at_ms")
    if text is not None and not _WHOLE_NUMBER.fullmatch(text):
        raise MalformedRecord("revoked_at_ms is not a whole number")
    return _record(fields, None if text is None else int(text))


def _texts(record: GatewayRecord) -> dict[str, str]:
    return {
        "device_session_id": record.device_session_id,
        "user_id": record.user_id,
        "client_public_key": record.client_public_key,
        "status": record.status,
    }


def _record(fields: Mapping[str, object], revoked_at_ms: object) -> GatewayRecord:
    if fields.keys() - _NAMES:
        raise MalformedRecord("unknown field")
    match fields:
        case {
            "device_session_id": str(device_session_id),
            "user_id": str(user_id),
            "client_public_key": str(client_public_key),
            "status": ("active" | "revoked") as status,
        } if revoked_at_ms is None or (type(revoked_at_ms) is int and 0 <= revoked_at_ms < 10**16):
            return GatewayRecord(
                device_session_id=device_session_id,
                user_id=user_id,
                client_public_key=client_public_key,
                status="revoked" if status == "revoked" else "active",
                revoked_at_ms=revoked_at_ms,
            )
        case _:
            raise MalformedRecord("a field is missing or of a wrong type")
