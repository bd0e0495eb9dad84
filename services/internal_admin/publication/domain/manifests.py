"""Manifests: their content, their signatures, and the head that names the current one of a pool."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from contracts.encoding import encode
from contracts.node.manifest import COMPATIBILITY, Document, Manifest, Position, SecretReference, encode_manifest
from contracts.node.signed import MANIFEST_MARKER, ConfigKey, Signature
from services.internal_admin.publication.domain.subject import Stage
from shared.kernel.config_keys import ConfigKeys

MANIFEST_LIFE: Final = timedelta(days=30)
RENEWED_AFTER: Final = timedelta(days=1)
"""The age at which a manifest is signed again, with new times."""
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class PublishedDocument:
    """A document of a pool, and the version that it belongs to."""

    subject_id: str
    document: Document


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """The bytes that nodes get. `digest` is their SHA-256."""

    manifest: Manifest
    payload: bytes = field(repr=False)
    digest: bytes
    signatures: tuple[Signature, ...]
    content_digest: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The row of a pool: `digest` is the manifest that its nodes should have.

    While a stage is unfinished, nodes outside of `percent` should have `stable_digest`; None: no manifest at all.
    """

    pool: str
    position: Position
    digest: bytes
    content_digest: bytes
    activated_at: datetime
    stable_digest: bytes | None
    percent: int
    halts: bool
    halted_at: datetime | None

    @property
    def is_staged(self) -> bool:
        """Whether a stage is unfinished."""
        return self.percent < 100 or self.halts


@dataclass(frozen=True, slots=True)
class Keep:
    """The head stays as it is."""


@dataclass(frozen=True, slots=True)
class Restage:
    """The manifest stays, and goes to more nodes. Without a stage it goes to all."""

    stage: Stage | None


@dataclass(frozen=True, slots=True)
class Replace:
    """A new manifest takes the next position. With a stage the one before is the stable one."""

    position: Position
    stage: Stage | None
    stable_digest: bytes | None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Another stage is unfinished in the pool."""


HeadDecision: TypeAlias = Keep | Restage | Replace | Unfinished


def decide_head(head: Head | None, content_digest: bytes, stage: Stage | None, now: datetime) -> HeadDecision:
    """The change of a pool's head that gives this content to its nodes."""
    if head is None:
        return Replace(Position(new_epoch(now, None), 1), stage, None)
    if head.content_digest == content_digest:
        return _decide_stage(head, stage)
    if head.is_staged and stage is not None:
        return Unfinished()
    position = Position(head.position.epoch, head.position.sequence + 1)
    return Replace(position, stage, None if stage is None else head.digest)


def _decide_stage(head: Head, stage: Stage | None) -> HeadDecision:
    if not head.is_staged:
        return Keep()
    is_wider = stage is None or stage.percent > head.percent
    return Restage(stage) if is_wider else Keep()


def new_epoch(now: datetime, last: int | None) -> int:
    """The epoch that begins now: Unix milliseconds, and always greater than the last one."""
    return max((now - datetime.fromtimestamp(0, now.tzinfo)) // _MILLISECOND, 0 if last is None else last + 1)


def content_digest(
    config_keys: Sequence[ConfigKey], documents: Sequence[Document], secrets: Sequence[SecretReference] = ()
) -> bytes:
    """SHA-256 of what configures a node: all of a manifest but its position and times."""
    return hashlib.sha256(encode({
        "compatibility": COMPATIBILITY,
        "config_keys": [[key.key_id, key.public_key.hex()] for key in config_keys],
        "documents": [[each.kind, each.name, each.version, each.digest] for each in documents],
        "secrets": [[each.secret_id, each.version, each.reader] for each in secrets],
    })).digest()  # fmt: skip


def sign_manifest(
    keys: ConfigKeys, pool: str, position: Position, documents: Sequence[Document], now: datetime
) -> SignedManifest:
    """The manifest of a pool, valid for 30 days from now on."""
    times = (now, now + MANIFEST_LIFE)
    return _signed(keys, Manifest(pool, position, *times, COMPATIBILITY, keys.public_keys(), tuple(documents)))


def sign_again(keys: ConfigKeys, manifest: Manifest, position: Position, now: datetime) -> SignedManifest:
    """The same documents at a position, with new times and the keys of the ring."""
    renewed = replace(
        manifest, position=position, created_at=now, expires_at=now + MANIFEST_LIFE, config_keys=keys.public_keys()
    )
    return _signed(keys, renewed)


def _signed(keys: ConfigKeys, manifest: Manifest) -> SignedManifest:
    payload = encode_manifest(manifest)
    return SignedManifest(
        manifest,
        payload,
        hashlib.sha256(payload).digest(),
        keys.sign(MANIFEST_MARKER, payload),
        content_digest(manifest.config_keys, manifest.documents, manifest.secrets),
    )
