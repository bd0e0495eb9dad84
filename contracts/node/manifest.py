"""The manifest: a pool's whole configuration by digest, and the statement that names the current one (SPEC §16).

A position is (epoch, sequence). An epoch is the Unix time in milliseconds at which it began, and every later epoch is
greater. A position never goes down, so that nobody can bring an old configuration back.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, cast

from contracts.encoding import encode
from contracts.instant import decode_instant, encode_instant
from contracts.node.names import is_digest, read_name
from contracts.node.signed import ConfigKey, config_key_fields, read_config_keys
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_count, read_text

FORMAT: Final = 1
COMPATIBILITY: Final = 1
MAX_MANIFEST_BYTES: Final = 64 * 1024
MAX_STATEMENT_BYTES: Final = 4 * 1024
MAX_DOCUMENTS: Final = 256
MAX_DOCUMENT_BYTES: Final = 1024 * 1024
MAX_SECRETS: Final = 256

_MANIFEST_NAMES = frozenset({
    "format", "pool", "epoch", "sequence", "created_at", "expires_at", "compatibility", "config_keys", "documents",
    "secrets",
})  # fmt: skip
_DOCUMENT_NAMES = frozenset({"kind", "name", "version", "digest", "bytes"})
_SECRET_NAMES = frozenset({"secret_id", "version", "for"})
_STATEMENT_NAMES = frozenset({"node_id", "request_id", "pool", "epoch", "sequence", "digest", "issued_at_ms"})


class Position(NamedTuple):
    """The place of a configuration in the order of a pool's configurations. (0, 0): none was ever activated."""

    epoch: int
    sequence: int


NOWHERE: Final = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a manifest. `digest` is the SHA-256 of its `size` bytes, in lower-case hex."""

    kind: str
    name: str
    version: int
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A secret version that nodes of the pool may open, for an agent or the `gateway`. It is no value."""

    secret_id: str
    version: int
    reader: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A pool's whole configuration. `config_keys` are the keys that a node trusts after it has applied this."""

    pool: str
    position: Position
    created_at: datetime
    expires_at: datetime
    compatibility: int
    config_keys: tuple[ConfigKey, ...]
    documents: tuple[Document, ...]
    secrets: tuple[SecretReference, ...] = ()

    @property
    def content(self) -> tuple[object, ...]:
        """All but position and times: two manifests with equal content configure a node alike."""
        return (self.compatibility, self.config_keys, self.documents, self.secrets)


@dataclass(frozen=True, slots=True)
class Statement:
    """The answer to one poll, before its signature. `request_id` is that of the poll, so nobody can replay it.

    `digest` is that of the manifest which the node should apply; None at the position (0, 0).
    """

    node_id: str
    request_id: str
    pool: str
    position: Position
    digest: str | None
    issued_at_ms: int


def digest_of(raw: bytes) -> str:
    """SHA-256 in lower-case hex: the digest of a manifest's or a document's bytes."""
    return hashlib.sha256(raw).hexdigest()


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of a manifest. They are signed, stored and served as they are."""
    return encode({
        "format": FORMAT,
        "pool": manifest.pool,
        "epoch": manifest.position.epoch,
        "sequence": manifest.position.sequence,
        "created_at": encode_instant(manifest.created_at),
        "expires_at": encode_instant(manifest.expires_at),
        "compatibility": manifest.compatibility,
        "config_keys": [config_key_fields(key) for key in manifest.config_keys],
        "documents": [
            {
                "kind": each.kind, "name": each.name, "version": each.version, "digest": each.digest,
                "bytes": each.size,
            }
            for each in manifest.documents
        ],
        "secrets": [
            {"secret_id": each.secret_id, "version": each.version, "for": each.reader} for each in manifest.secrets
        ],
    })  # fmt: skip


def decode_manifest(payload: bytes) -> Manifest:
    """The manifest in verified bytes. Raises `Refusal(INVALID_REQUEST)` for another format or a broken one."""
    fields = known_fields(decode_object(payload), _MANIFEST_NAMES)
    if read_count(fields, "format") != FORMAT:
        raise invalid(f"format must be {FORMAT}")
    return Manifest(
        read_name(fields, "pool"),
        Position(read_count(fields, "epoch"), read_count(fields, "sequence")),
        decode_instant(read_text(fields, "created_at"), "created_at"),
        decode_instant(read_text(fields, "expires_at"), "expires_at"),
        read_count(fields, "compatibility"),
        read_config_keys(fields.get("config_keys"), "config_keys"),
        tuple(_read_document(each) for each in _read_list(fields, "documents", MAX_DOCUMENTS)),
        tuple(_read_secret(each) for each in _read_list(fields, "secrets", MAX_SECRETS)),
    )


def encode_statement(statement: Statement) -> bytes:
    """The bytes of a statement, which are signed and served as they are."""
    return encode({
        "node_id": statement.node_id,
        "request_id": statement.request_id,
        "pool": statement.pool,
        "epoch": statement.position.epoch,
        "sequence": statement.position.sequence,
        "digest": statement.digest,
        "issued_at_ms": statement.issued_at_ms,
    })  # fmt: skip


def decode_statement(payload: bytes) -> Statement:
    """The statement in verified bytes. Raises `Refusal(INVALID_REQUEST)` for anything else."""
    fields = known_fields(decode_object(payload), _STATEMENT_NAMES)
    position = Position(read_count(fields, "epoch"), read_count(fields, "sequence"))
    digest = read_digest(fields, "digest") if "digest" in fields else None
    if (digest is None) != (position == NOWHERE):
        raise invalid("digest belongs to every position but (0, 0)")
    return Statement(
        read_text(fields, "node_id"),
        read_text(fields, "request_id"),
        read_name(fields, "pool"),
        position,
        digest,
        read_count(fields, "issued_at_ms"),
    )


def read_digest(fields: Fields, name: str, *, within: str = "") -> str:
    """The field as a SHA-256 in lower-case hex. Raises `Refusal(INVALID_REQUEST)`."""
    text = read_text(fields, name, within=within)
    if not is_digest(text):
        raise invalid(f"{within}{name} must be a SHA-256 in lower-case hex")
    return text


def _read_document(value: Fields) -> Document:
    fields = known_fields(value, _DOCUMENT_NAMES, within="documents.")
    size = read_count(fields, "bytes", within="documents.")
    if size > MAX_DOCUMENT_BYTES:
        raise invalid(f"documents.bytes must be at most {MAX_DOCUMENT_BYTES}")
    return Document(
        read_text(fields, "kind", within="documents."),
        read_text(fields, "name", within="documents."),
        read_count(fields, "version", within="documents."),
        read_digest(fields, "digest", within="documents."),
        size,
    )


def _read_secret(value: Fields) -> SecretReference:
    fields = known_fields(value, _SECRET_NAMES, within="secrets.")
    return SecretReference(
        read_text(fields, "secret_id", within="secrets."),
        read_count(fields, "version", within="secrets."),
        read_text(fields, "for", within="secrets."),
    )


def _read_list(fields: Fields, name: str, most: int) -> list[Fields]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise invalid(f"{name} must be a list")
    items = cast("list[object]", value)
    if len(items) > most or not all(isinstance(each, dict) for each in items):
        raise invalid(f"{name} must be a list of at most {most} objects")
    return cast("list[Fields]", items)
