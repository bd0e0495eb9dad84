"""Bytes signed with the configuration keys: manifests and statements (SPEC §16).

The signed bytes are the served bytes, so there is no canonical JSON. A signature is Ed25519 (RFC 8032) over
`signed_message(marker, payload)`. Every key of the ring signs, so a verifier needs one signature of one key it trusts.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, cast

from contracts.signed_request import SIGNATURE_BYTES, decode_base64
from contracts.strict_json import Fields, invalid, known_fields, read_text
from contracts.uvarint import length_prefixed

MANIFEST_MARKER: Final = b"authsession-manifest-v1"
STATEMENT_MARKER: Final = b"authsession-statement-v1"
PUBLIC_KEY_BYTES: Final = 32
MAX_SIGNATURES: Final = 8

_SIGNED_NAMES = frozenset({"bytes", "signatures"})
_SIGNATURE_NAMES = frozenset({"key_id", "signature"})
_KEY_NAMES = frozenset({"key_id", "public_key"})


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature of one configuration key. `value` has 64 bytes."""

    key_id: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """A payload with its signatures. Nothing in the payload may be used before one signature is verified."""

    payload: bytes = field(repr=False)
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A configuration key as nodes know it. `public_key` has 32 bytes."""

    key_id: str
    public_key: bytes


def signed_message(marker: bytes, payload: bytes) -> bytes:
    """The bytes that a signature covers: marker and payload, each as uvarint length + bytes."""
    return length_prefixed(marker, payload)


def signed_fields(signed: Signed) -> dict[str, object]:
    """The JSON object `{"bytes","signatures"}`."""
    return {
        "bytes": base64.b64encode(signed.payload).decode("ascii"),
        "signatures": signature_fields(signed.signatures),
    }


def signature_fields(signatures: Iterable[Signature]) -> list[dict[str, str]]:
    """The JSON list of `{"key_id","signature"}`."""
    return [{"key_id": each.key_id, "signature": base64.b64encode(each.value).decode("ascii")} for each in signatures]


def read_signed(value: object, path: str, most_bytes: int) -> Signed:
    """The payload and signatures in a JSON object. Raises `Refusal(INVALID_REQUEST)` for anything else."""
    if not isinstance(value, dict):
        raise invalid(f"{path} must be an object")
    fields = known_fields(cast("Fields", value), _SIGNED_NAMES, within=f"{path}.")
    signatures = read_signatures(fields, path)
    return Signed(read_base64(read_text(fields, "bytes", within=f"{path}."), most_bytes, f"{path}.bytes"), signatures)


def read_signatures(fields: Fields, path: str) -> tuple[Signature, ...]:
    """The field `signatures` of the object at `path`, 1 to 8 of them. Raises `Refusal(INVALID_REQUEST)`."""
    signatures = fields.get("signatures")
    if not isinstance(signatures, list) or not 1 <= len(cast("list[object]", signatures)) <= MAX_SIGNATURES:
        raise invalid(f"{path}.signatures must be a list of 1 to {MAX_SIGNATURES} signatures")
    return tuple(_read_signature(each, path) for each in cast("list[object]", signatures))


def config_key_fields(key: ConfigKey) -> dict[str, object]:
    """The JSON object `{"key_id","public_key"}`."""
    return {"key_id": key.key_id, "public_key": base64.b64encode(key.public_key).decode("ascii")}


def read_config_keys(value: object, path: str) -> tuple[ConfigKey, ...]:
    """The keys in a JSON list of one or more. Raises `Refusal(INVALID_REQUEST)` for anything else."""
    if not isinstance(value, list) or not 1 <= len(cast("list[object]", value)) <= MAX_SIGNATURES:
        raise invalid(f"{path} must be a list of 1 to {MAX_SIGNATURES} keys")
    return tuple(_read_config_key(each, path) for each in cast("list[object]", value))


def _read_config_key(value: object, path: str) -> ConfigKey:
    if not isinstance(value, dict):
        raise invalid(f"{path} must hold objects")
    fields = known_fields(cast("Fields", value), _KEY_NAMES, within=f"{path}.")
    try:
        raw = decode_base64(read_text(fields, "public_key", within=f"{path}."), PUBLIC_KEY_BYTES)
    except ValueError as problem:
        raise invalid(f"{path}.public_key is {problem}") from None
    return ConfigKey(read_text(fields, "key_id", within=f"{path}."), raw)


def _read_signature(value: object, path: str) -> Signature:
    if not isinstance(value, dict):
        raise invalid(f"{path}.signatures must hold objects")
    fields = known_fields(cast("Fields", value), _SIGNATURE_NAMES, within=f"{path}.signatures.")
    try:
        raw = decode_base64(read_text(fields, "signature", within=f"{path}.signatures."), SIGNATURE_BYTES)
    except ValueError as problem:
        raise invalid(f"{path}.signatures.signature is {problem}") from None
    return Signature(read_text(fields, "key_id", within=f"{path}.signatures."), raw)


def read_base64(text: str, most_bytes: int, path: str) -> bytes:
    """At most this many bytes from standard base64. Raises `Refusal(INVALID_REQUEST)`."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{path} is not padded standard base64") from None
    if len(raw) > most_bytes:
        raise invalid(f"{path} has more than {most_bytes} bytes")
    return raw
