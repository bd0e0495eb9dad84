"""Judges what claims to come from the control plane. Pure: knows no network, no disk and no clock."""

from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from clients.node.notices import Distrust
from contracts.errors import Refusal
from contracts.node.join import fingerprint_of
from contracts.node.manifest import (
    COMPATIBILITY,
    Document,
    Manifest,
    Position,
    Statement,
    decode_manifest,
    decode_statement,
    digest_of,
)
from contracts.node.signed import MANIFEST_MARKER, STATEMENT_MARKER, ConfigKey, Signed, signed_message


class NotTrusted(Exception):
    """An answer that must not be used. The message is the reason and shows nothing of the answer."""

    def __init__(self, why: Distrust) -> None:
        super().__init__(why)
        self.why: Distrust = why


def is_signed(signed: Signed, marker: bytes, keys: Iterable[ConfigKey]) -> bool:
    """Whether one of the keys signed the payload. The key id only selects: it proves nothing."""
    message = signed_message(marker, signed.payload)
    by_id = {key.key_id: key.public_key for key in keys}
    return any(
        each.key_id in by_id and _verifies(by_id[each.key_id], each.value, message) for each in signed.signatures
    )


def key_with(fingerprint: str, keys: Iterable[ConfigKey]) -> ConfigKey:
    """The key that a join string names. Raises `NotTrusted`."""
    for key in keys:
        if fingerprint_of(key.public_key) == fingerprint:
            return key
    raise NotTrusted("untrusted_control_plane")


def read_statement(signed: Signed, keys: Iterable[ConfigKey], *, node_id: str, request_id: str, pool: str) -> Statement:
    """The statement, if it answers this very request of this node. Raises `NotTrusted`."""
    if not is_signed(signed, STATEMENT_MARKER, keys):
        raise NotTrusted("untrusted_statement")
    try:
        statement = decode_statement(signed.payload)
    except Refusal:
        raise NotTrusted("malformed_answer") from None
    if statement.node_id != node_id:
        raise NotTrusted("another_node")
    if statement.request_id != request_id:
        raise NotTrusted("not_fresh")
    if statement.pool != pool:
        raise NotTrusted("another_pool")
    return statement


def read_manifest(signed: Signed, keys: Iterable[ConfigKey], *, pool: str | None) -> Manifest:
    """The manifest, if a trusted key and a key of its own list signed it. Raises `NotTrusted`.

    The second condition keeps a node from trusting a list that no later signature can match. `pool` is None before the
    node has joined. Expiry is a matter of time: see `is_expired`.
    """
    if not is_signed(signed, MANIFEST_MARKER, keys):
        raise NotTrusted("untrusted_manifest")
    try:
        manifest = decode_manifest(signed.payload)
    except Refusal:
        raise NotTrusted("malformed_answer") from None
    if not is_signed(signed, MANIFEST_MARKER, manifest.config_keys):
        raise NotTrusted("untrusted_manifest")
    if pool is not None and manifest.pool != pool:
        raise NotTrusted("another_pool")
    return manifest


def check_named(manifest: Manifest, signed: Signed, statement: Statement) -> None:
    """Refuses a manifest that is not the one of the statement. Raises `NotTrusted`."""
    if digest_of(signed.payload) != statement.digest or manifest.position != statement.position:
        raise NotTrusted("another_manifest")


def check_position(position: Position, highest: Position) -> None:
    """Refuses to go back below the highest position ever applied. Raises `NotTrusted`."""
    if position < highest:
        raise NotTrusted("older_position")


def check_document(document: Document, content: bytes) -> None:
    """Refuses content of another size or digest. Raises `NotTrusted`."""
    if len(content) != document.size or digest_of(content) != document.digest:
        raise NotTrusted("wrong_document")


def is_compatible(manifest: Manifest) -> bool:
    """Whether this library understands the manifest's documents."""
    return manifest.compatibility <= COMPATIBILITY


def is_expired(manifest: Manifest, now_ms: float) -> bool:
    """Whether the manifest is past its expiry at this time, in milliseconds since 1970."""
    return manifest.expires_at.timestamp() * 1000 <= now_ms


def _verifies(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
