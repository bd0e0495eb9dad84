"""Requests and answers of operators about secrets (SPEC §17.2). Decoders check the form only; no answer holds a value.

A value may be sealed before it leaves the operator's machine: HPKE as in `contracts.node.sealed`, to the key of
`GET secrets/public-key`, with `value_frame` as `info`. Then no proxy and no log on the way can read it.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from contracts.cursor import encode_position, read_position
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.node.names import is_name
from contracts.node.sealed import OVERHEAD_BYTES, SUITE, sealed_frame
from contracts.node.secrets import MAX_VALUE_BYTES
from contracts.node.signed import read_base64
from contracts.secret_names import is_secret_name
from contracts.strict_json import (
    Fields,
    decode_object,
    invalid,
    known_fields,
    read_filled_text,
    read_list,
    read_text,
    read_whole_number,
)
from contracts.strict_query import decode_query, read_limit

ScopeKind: TypeAlias = Literal["installation", "pool", "agent", "connection"]
Usage: TypeAlias = Literal["system", "grantable"]

MAX_BODY_BYTES: Final = 6 * MAX_VALUE_BYTES + 4096
"""JSON may write each byte of a value as an escape of six characters."""
MAX_VERSION: Final = 2**31 - 1
MAX_DESTROYED: Final = 1000
"""The versions that one request may destroy."""
DEFAULT_LIMIT: Final = 100
VALUE_MARKER: Final = b"authsession-secret-value-v1"

_PUT_NAMES = frozenset({"value", "sealed_value", "key_id", "expected_version", "usage"})
_RESTORE_NAMES = frozenset({"version", "expected_version"})
_LIST_NAMES = frozenset({"limit", "cursor", "scope_kind", "scope_id", "name"})
_KINDS: tuple[ScopeKind, ...] = ("installation", "pool", "agent", "connection")
_USAGES: tuple[Usage, ...] = ("system", "grantable")


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A value that is sealed to the key `key_id` of the installation."""

    key_id: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PutSecretRequest:
    """`expected_version` 0: the secret must not exist; None: whatever is there. `usage` counts at creation alone."""

    value: bytes | SealedValue = field(repr=False)
    expected_version: int | None
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class RestoreSecretRequest:
    version: int
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class ListSecretsQuery:
    """Asks for a page of at most `limit` secrets after an id. A filter that is None admits all."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None
    scope_kind: ScopeKind | None = None
    scope_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class SecretAnswer:
    """A secret without its values. `current_version` is None if no version is current."""

    secret_id: str
    scope_kind: str
    scope_id: str | None
    name: str
    usage: str
    current_version: int | None
    last_version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    last_opened_at: datetime | None
    opened_by: str | None


@dataclass(frozen=True, slots=True)
class SecretVersionAnswer:
    version: int
    state: str
    key_id: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class GrantAnswer:
    """`grantee` is the name of a pool or the id of an agent, as `kind` says."""

    grantee: str
    kind: str
    granted_by: str
    granted_at: datetime


def value_frame(key_id: str, scope_kind: str, scope_id: str, name: str) -> bytes:
    """HPKE's `info` of a sealed value. `scope_id` is empty for the installation. So it fits no other secret."""
    return sealed_frame(VALUE_MARKER, key_id, scope_kind, scope_id, name)


def decode_put_secret(body: bytes) -> PutSecretRequest:
    """The body of a `PUT`. Raises `Refusal(INVALID_REQUEST)` and nothing else, as every decoder here."""
    fields = known_fields(decode_object(body), _PUT_NAMES)
    return PutSecretRequest(_read_value(fields), _read_expected(fields), _read_usage(fields))


def decode_restore_secret(body: bytes) -> RestoreSecretRequest:
    """The body of `restore`."""
    fields = known_fields(decode_object(body), _RESTORE_NAMES)
    return RestoreSecretRequest(read_whole_number(fields, "version", 1, MAX_VERSION), _read_expected(fields))


def decode_grant_secret(body: bytes) -> str:
    """The grantee in the body of a grant."""
    return require_grantee(read_text(known_fields(decode_object(body), frozenset({"grantee"})), "grantee"))


def decode_destroy_versions(body: bytes) -> tuple[int, ...]:
    """The versions in the body of `destroy`, sorted."""
    fields = known_fields(decode_object(body), frozenset({"versions"}))
    if "versions" not in fields:
        raise invalid("versions is required")
    items = read_list(fields, "versions", MAX_DESTROYED)
    if not items:
        raise invalid("versions must not be empty")
    versions = [read_whole_number({"versions": item}, "versions", 1, MAX_VERSION) for item in items]
    return tuple(sorted(set(versions)))


def decode_list_secrets(query: str) -> ListSecretsQuery:
    """The query of the list."""
    parameters = decode_query(query, _LIST_NAMES)
    kind = read_text(parameters, "scope_kind") if "scope_kind" in parameters else None
    if kind is not None and kind not in _KINDS:
        raise invalid(f"scope_kind must be {', '.join(_KINDS)}")
    scope_id = read_filled_text(parameters, "scope_id") if "scope_id" in parameters else None
    name = require_secret_name(read_text(parameters, "name"), "name") if "name" in parameters else None
    limit = read_limit(parameters) or DEFAULT_LIMIT
    return ListSecretsQuery(limit, read_position(parameters), kind, scope_id, name)


def require_secret_name(text: str, path: str) -> str:
    """The name of a secret. `path` is the field or the parameter of the path that has it."""
    if not is_secret_name(text):
        raise invalid(f"{path} must be 1 to 64 of A-Z, 0-9 and _, with a letter first")
    return text


def require_grantee(text: str) -> str:
    """The name of a pool or the id of an agent."""
    if not is_name(text):
        raise invalid("grantee must be the name of a pool or the id of an agent")
    return text


def require_value(value: bytes) -> bytes:
    """A value of 1 byte to 64 KiB."""
    if not value:
        raise invalid("value must not be empty")
    if len(value) > MAX_VALUE_BYTES:
        raise invalid(f"value must have at most {MAX_VALUE_BYTES} bytes")
    return value


def encode_written(outcome: str, secret_id: str, version: int) -> bytes:
    """The answer of a `PUT` and of `restore`."""
    return encode({"outcome": outcome, "secret_id": secret_id, "version": version})


def encode_changed(outcome: str, secret_id: str) -> bytes:
    """The answer of `DELETE` and `undelete`."""
    return encode({"outcome": outcome, "secret_id": secret_id})


def encode_granted(outcome: str, secret_id: str, grantee: str) -> bytes:
    """The answer of a grant and of its withdrawal."""
    return encode({"outcome": outcome, "secret_id": secret_id, "grantee": grantee})


def encode_destroyed(outcome: str, secret_id: str, versions: Sequence[int]) -> bytes:
    """The answer of `destroy`, with the versions that it destroyed."""
    return encode({"outcome": outcome, "secret_id": secret_id, "versions": list(versions)})


def encode_public_key(key_id: str, public_key: bytes) -> bytes:
    """The answer of `GET secrets/public-key`."""
    text = base64.b64encode(public_key).decode("ascii")
    return encode({"suite": SUITE, "key_id": key_id, "public_key": text})


def encode_secret(
    secret: SecretAnswer, versions: Sequence[SecretVersionAnswer], grants: Sequence[GrantAnswer]
) -> bytes:
    """One secret with its versions, newest first, and its grants."""
    whole = {"versions": [_version(each) for each in versions], "grants": [_grant(each) for each in grants]}
    return encode({"secret": {**_secret(secret), **whole}})


def encode_secrets(secrets: Sequence[SecretAnswer], next_after: str | None) -> bytes:
    """A page of secrets without their versions and grants."""
    more = {} if next_after is None else {"next_cursor": encode_position(next_after)}
    return encode({"secrets": [_secret(each) for each in secrets], **more})


def _read_value(fields: Fields) -> bytes | SealedValue:
    """The value, of which no white space is dropped."""
    if ("value" in fields) == ("sealed_value" in fields):
        raise invalid("exactly one of value and sealed_value is required")
    if ("sealed_value" in fields) != ("key_id" in fields):
        raise invalid("sealed_value and key_id go together")
    if "sealed_value" in fields:
        sealed = read_base64(read_text(fields, "sealed_value"), MAX_VALUE_BYTES + OVERHEAD_BYTES, "sealed_value")
        return SealedValue(read_text(fields, "key_id"), sealed)
    value = fields["value"]
    if not isinstance(value, str):
        raise invalid("value must be a string")
    try:
        return require_value(value.encode())
    except UnicodeEncodeError:
        raise invalid("value must not contain a lone surrogate") from None


def _read_expected(fields: Fields) -> int | None:
    name = "expected_version"
    return read_whole_number(fields, name, 0, MAX_VERSION) if name in fields else None


def _read_usage(fields: Fields) -> Usage | None:
    usage = read_text(fields, "usage") if "usage" in fields else None
    if usage is not None and usage not in _USAGES:
        raise invalid(f"usage must be {' or '.join(_USAGES)}")
    return usage


def _secret(secret: SecretAnswer) -> dict[str, object]:
    optional: dict[str, object] = {
        "deleted_at": secret.deleted_at and encode_instant(secret.deleted_at),
        "last_opened_at": secret.last_opened_at and encode_instant(secret.last_opened_at),
        "opened_by": secret.opened_by,
        "scope_id": secret.scope_id,
        "current_version": secret.current_version,
    }
    return {
        "secret_id": secret.secret_id,
        "scope_kind": secret.scope_kind,
        "name": secret.name,
        "usage": secret.usage,
        "last_version": secret.last_version,
        "created_at": encode_instant(secret.created_at),
        "updated_at": encode_instant(secret.updated_at),
        **{name: value for name, value in optional.items() if value is not None},
    }


def _version(version: SecretVersionAnswer) -> dict[str, object]:
    return {
        "version": version.version,
        "state": version.state,
        "key_id": version.key_id,
        "created_by": version.created_by,
        "created_at": encode_instant(version.created_at),
    }


def _grant(grant: GrantAnswer) -> dict[str, object]:
    return {
        "grantee": grant.grantee,
        "kind": grant.kind,
        "granted_by": grant.granted_by,
        "granted_at": encode_instant(grant.granted_at),
    }
