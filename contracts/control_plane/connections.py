"""Requests and answers of operators about connections (SPEC §18). No answer holds a secret."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias, cast

from contracts.connection_kinds import (
    CONNECTION_KEYS,
    KINDS,
    PROVIDER_KINDS,
    ConnectionKey,
    ConnectionKind,
    Settings,
)
from contracts.encoding import encode
from contracts.errors import ErrorCode, Refusal
from contracts.instant import encode_instant
from contracts.node.names import is_name
from contracts.strict_json import (
    Fields,
    decode_object,
    invalid,
    known_fields,
    read_flag,
    read_object,
    read_text,
    read_whole_number,
)

Result: TypeAlias = Literal[
    "verified", "invalid_credentials", "unreachable", "dns_failed", "tls_failed", "blocked_address", "protocol_error",
    "rate_limited", "timeout",
]  # fmt: skip
"""How a verification ended."""
Outcome: TypeAlias = Literal["accepted", "refused"]
"""Whether the revision serves."""

RESERVED_NAMES: Final = frozenset({"catalog", "defaults"})
"""Names that are words of paths."""

_PUT_NAMES = frozenset({"kind", "settings", "secrets", "expected_revision", "accept_unverified"})
_PUT_KEY_NAMES = frozenset({"kind", "settings", "api_key", "expected_revision", "accept_unverified"})
_MAX_REVISION: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PutConnection:
    """A new revision. `secrets` has the fields that are given; empty: the field goes. Other fields keep their value.

    `expected_revision` is the revision that the caller read, 0 for none.
    """

    kind: ConnectionKind
    settings: Settings
    secrets: dict[str, str] = field(repr=False)
    expected_revision: int
    accepts_unverified: bool = False


@dataclass(frozen=True, slots=True)
class PutApiKey:
    """A provider's new API key. `kind` is None for that of the connection, or else the one that its name suggests."""

    kind: str | None
    settings: Fields
    api_key: str | None = field(repr=False)
    expected_revision: int
    accepts_unverified: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """The end of a verification. `detail` is a word of ours; `account` a short name of the far end, if it told one."""

    result: Result
    checked_at: datetime
    duration_ms: int
    account: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision without its secrets: `secrets` names the fields that have a value."""

    revision: int
    settings: Settings
    secrets: tuple[str, ...]
    verification: Verification | None
    is_unverified: bool
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ConnectionAnswer:
    """A connection. `accepted` serves. `candidate` waits for verification or correction until `candidate_until`.

    `default_for` are the keys whose default it is.
    """

    connection_id: str
    name: str
    kind: str
    accepted: Revision | None
    candidate: Revision | None
    candidate_until: datetime | None
    default_for: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DefaultAnswer:
    """The default connection of a key."""

    connection_key: str
    name: str
    kind: str
    changed_by: str
    changed_at: datetime


def decode_put_connection(body: bytes) -> PutConnection:
    """The body of `PUT connections/{name}`. Settings and secrets are read as the kind says."""
    fields = known_fields(decode_object(body), _PUT_NAMES)
    kind = kind_of(read_text(fields, "kind"))
    return PutConnection(
        kind,
        kind.read_settings(read_object(fields, "settings")),
        kind.read_secrets(read_object(fields, "secrets") if "secrets" in fields else {}),
        _read_expected(fields),
        read_flag(fields, "accept_unverified"),
    )


def decode_put_api_key(body: bytes) -> PutApiKey:
    """The body of `PUT providers/{provider_id}/connection/api-key`. `settings` waits for its kind."""
    fields = known_fields(decode_object(body), _PUT_KEY_NAMES)
    kind = read_text(fields, "kind") if "kind" in fields else None
    if kind is not None and kind not in PROVIDER_KINDS:
        raise invalid(f"kind must be one of {', '.join(sorted(PROVIDER_KINDS))}")
    settings = read_object(fields, "settings")
    if not isinstance(fields.get("api_key", ""), str):
        raise invalid("api_key must be a string")
    key = cast("str | None", fields.get("api_key"))
    return PutApiKey(kind, settings, key, _read_expected(fields), read_flag(fields, "accept_unverified"))


def of_provider(asked: PutApiKey, kind: str) -> PutConnection:
    """The revision that a provider's API key asks for, as a connection of this kind."""
    entry = KINDS[kind]
    try:
        secrets = entry.read_secrets({} if asked.api_key is None else {"api_key": asked.api_key})
    except Refusal as refusal:
        raise invalid(refusal.message.removeprefix("secrets.")) from None
    settings = entry.read_settings(asked.settings)
    return PutConnection(entry, settings, secrets, asked.expected_revision, asked.accepts_unverified)


def decode_put_default(body: bytes) -> str:
    """The name of the connection that becomes the default."""
    return require_connection_name(
        read_text(known_fields(decode_object(body), frozenset({"connection"})), "connection")
    )


def kind_of(text: str) -> ConnectionKind:
    """The kind of this name. Raises `Refusal(INVALID_REQUEST)`."""
    if text not in KINDS:
        raise invalid(f"kind must be one of {', '.join(KINDS)}")
    return KINDS[text]


def require_connection_name(text: str) -> str:
    """The text, if it can name a connection. Raises `Refusal(INVALID_REQUEST)`."""
    if not is_name(text) or text in RESERVED_NAMES:
        raise invalid(
            "a connection's name must be 1 to 63 of a-z, 0-9 and -, without - at its ends; not catalog, defaults"
        )
    return text


def require_connection_key(text: str) -> ConnectionKey:
    """The key of a default that a path names. Raises `Refusal(DEFAULT_NOT_FOUND)`: no other key ever has one."""
    for key in CONNECTION_KEYS:
        if key == text:
            return key
    raise Refusal(ErrorCode.DEFAULT_NOT_FOUND, f"the key must be one of {', '.join(CONNECTION_KEYS)}")


def encode_catalogue() -> bytes:
    """Every kind, in the order of the catalogue."""
    return encode({"connections": [_entry(each) for each in KINDS.values()]})


def encode_verified(outcome: Outcome, revision: int, verification: Verification) -> bytes:
    """The answer of a change and of a verification on demand."""
    return encode({"outcome": outcome, "revision": revision, "verification": _verification(verification)})


def encode_connection(connection: ConnectionAnswer) -> bytes:
    """One connection."""
    return encode({"connection": _connection(connection)})


def encode_connections(connections: Sequence[ConnectionAnswer]) -> bytes:
    """All connections, by name."""
    return encode({"connections": [_connection(each) for each in connections]})


def encode_deleted_connection(name: str) -> bytes:
    """The answer of a removal."""
    return encode({"outcome": "deleted", "name": name})


def encode_defaults(defaults: Sequence[DefaultAnswer]) -> bytes:
    """The defaults that are set."""
    return encode({"defaults": [_default(each) for each in defaults]})


def encode_default(default: DefaultAnswer, outcome: Literal["set", "unchanged"] | None = None) -> bytes:
    """One default; with the outcome, if it answers a change."""
    return encode({**({} if outcome is None else {"outcome": outcome}), "default": _default(default)})


def encode_removed_default(connection_key: str) -> bytes:
    """The answer of a removal."""
    return encode({"outcome": "removed", "connection_key": connection_key})


def _read_expected(fields: Fields) -> int:
    return read_whole_number(fields, "expected_revision", 0, _MAX_REVISION)


def _entry(kind: ConnectionKind) -> dict[str, object]:
    key = {} if kind.connection_key is None else {"connection_key": kind.connection_key}
    return {
        "kind": kind.kind,
        "title": kind.title,
        **key,
        "settings_schema": kind.settings_schema(),
        "secret_fields": [
            {"name": each.name, "title": each.title, "required": each.is_required} for each in kind.secrets
        ],
        "verifies": kind.verifies,
        "interval": kind.interval,
    }


def _connection(connection: ConnectionAnswer) -> dict[str, object]:
    shown: dict[str, object] = {
        "connection_id": connection.connection_id,
        "name": connection.name,
        "kind": connection.kind,
    }
    if connection.accepted is not None:
        shown["accepted"] = _revision(connection.accepted)
    if connection.candidate is not None and connection.candidate_until is not None:
        expires_at = encode_instant(connection.candidate_until)
        shown["candidate"] = {**_revision(connection.candidate), "expires_at": expires_at}
    return {
        **shown,
        "default_for": list(connection.default_for),
        "created_at": encode_instant(connection.created_at),
        "updated_at": encode_instant(connection.updated_at),
    }


def _revision(revision: Revision) -> dict[str, object]:
    checked = {} if revision.verification is None else {"verification": _verification(revision.verification)}
    return {
        "revision": revision.revision,
        "settings": dict(revision.settings),
        "secrets": list(revision.secrets),
        "unverified": revision.is_unverified,
        **checked,
        "created_by": revision.created_by,
        "created_at": encode_instant(revision.created_at),
    }


def _verification(verification: Verification) -> dict[str, object]:
    account = {} if verification.account is None else {"account": verification.account}
    return {
        "result": verification.result,
        "checked_at": encode_instant(verification.checked_at),
        "duration_ms": verification.duration_ms,
        **account,
        "detail": verification.detail,
    }


def _default(default: DefaultAnswer) -> dict[str, object]:
    return {
        "connection_key": default.connection_key,
        "name": default.name,
        "kind": default.kind,
        "changed_by": default.changed_by,
        "changed_at": encode_instant(default.changed_at),
    }
