"""Manifests: their content, their signatures, and the head that names the current one of a pool."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, TypeAlias

from contracts.encoding import encode
from contracts.node.manifest import (
    COMPATIBILITY,
    MAX_DOCUMENTS,
    MAX_MANIFEST_BYTES,
    MAX_SECRETS,
    Document,
    Manifest,
    Position,
    SecretReference,
    encode_manifest,
)
from contracts.node.signed import MANIFEST_MARKER, ConfigKey, Signature
from services.internal_admin.publication.domain.subject import Stage
from shared.kernel.config_keys import ConfigKeys

MANIFEST_LIFE: Final = timedelta(days=30)
RENEWED_AFTER: Final = timedelta(days=1)
"""The age at which a manifest is signed again, with new times."""
MAX_PUBLISHED_BYTES: Final = MAX_MANIFEST_BYTES - 1024
"""The size that no change may exceed. The rest is for more configuration keys and longer positions."""
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class PublishedDocument:
    """A document of a pool, and the version that it belongs to."""

    subject_id: str
    document: Document


@dataclass(frozen=True, slots=True)
class Content:
    """The documents of a pool, and the secrets that its nodes may open. Both are in the order of the manifest."""

    documents: tuple[PublishedDocument, ...]
    secrets: tuple[SecretReference, ...] = ()

    def manifest(self, keys: ConfigKeys, pool: str, position: Position, now: datetime) -> Manifest:
        """The manifest that gives this content to a pool, valid for 30 days from now on."""
        documents = tuple(each.document for each in self.documents)
        times = (now, now + MANIFEST_LIFE)
        return Manifest(pool, position, *times, COMPATIBILITY, keys.public_keys(), documents, self.secrets)

    def digest(self, keys: ConfigKeys) -> bytes:
        return content_digest(keys.public_keys(), [each.document for each in self.documents], self.secrets)


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
    `staged_subject_id` is the subject whose version is staged; None if an older release began the stage.
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
    staged_subject_id: str | None = None

    @property
    def is_staged(self) -> bool:
        """Whether a stage is unfinished."""
        return self.percent < 100 or self.halts

    @property
    def digests(self) -> tuple[bytes, ...]:
        """The digests of its manifests, the newest first."""
        return (self.digest,) if self.stable_digest is None else (self.digest, self.stable_digest)

    def is_staged_by_other(self, subject_id: str) -> bool:
        """Whether a stage of another subject is unfinished."""
        return self.is_staged and self.staged_subject_id not in (None, subject_id)

    def next_positions(self, epoch: int | None = None) -> dict[bytes, Position]:
        """The positions at which the manifests may be signed again, by digest, in an epoch that begins or in this one.

        The stable manifest is below the newest one. While a stage is unfinished its newest manifests have every second
        sequence, also where no stable one lies between, so that a position tells which of both a node was offered.
        """
        place = Position(epoch, 0) if epoch is not None else self.position
        newest = Position(place.epoch, place.sequence + (2 if self.is_staged else 1))
        stable = Position(place.epoch, place.sequence + 1)
        return {self.digest: newest} | ({} if self.stable_digest is None else {self.stable_digest: stable})


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
class GoOn:
    """The stage of another subject goes on: a new newest and a new stable manifest take the next positions."""

    position: Position
    stable_position: Position


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Another stage is unfinished in the pool."""


HeadDecision: TypeAlias = Keep | Restage | Replace | GoOn | Unfinished


def decide_head(
    head: Head | None, content_digest: bytes, subject_id: str, stage: Stage | None, now: datetime
) -> HeadDecision:
    """The change of a pool's head that gives this content of a subject to its nodes."""
    if head is None:
        return Replace(Position(new_epoch(now, None), 1), stage, None)
    if head.content_digest == content_digest:
        return Keep() if head.is_staged_by_other(subject_id) else _decide_stage(head, stage)
    if head.is_staged and stage is not None:
        return Unfinished()
    epoch, sequence = head.position
    if head.is_staged_by_other(subject_id):
        return GoOn(Position(epoch, sequence + 2), Position(epoch, sequence + 1))
    return Replace(Position(epoch, sequence + 1), stage, None if stage is None else head.digest)


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


def is_too_large(manifest: Manifest) -> bool:
    """Whether no change may publish this."""
    if len(manifest.documents) > MAX_DOCUMENTS or len(manifest.secrets) > MAX_SECRETS:
        return True
    return len(encode_manifest(manifest)) > MAX_PUBLISHED_BYTES


def has_grown_too_large(before: Manifest, after: Manifest) -> bool:
    """Whether new references make a manifest too large. Taking some away is always possible."""
    return not set(after.secrets) <= set(before.secrets) and is_too_large(after)


def with_references(
    manifest: Manifest, references: Iterable[SecretReference], secret_ids: Collection[str] | None
) -> Manifest:
    """The manifest with these references in place of those to the secrets of these ids, or of all."""
    others = () if secret_ids is None else (each for each in manifest.secrets if each.secret_id not in secret_ids)
    return replace(manifest, secrets=tuple(sorted((*others, *references), key=attrgetter("secret_id", "reader"))))


def sign_again(keys: ConfigKeys, manifest: Manifest, position: Position, now: datetime) -> SignedManifest:
    """The same documents at a position, with new times and the keys of the ring."""
    renewed = replace(
        manifest, position=position, created_at=now, expires_at=now + MANIFEST_LIFE, config_keys=keys.public_keys()
    )
    return sign_manifest(keys, renewed)


def sign_manifest(keys: ConfigKeys, manifest: Manifest) -> SignedManifest:
    """The bytes of a manifest that lists the keys of the ring, signed with each of them."""
    payload = encode_manifest(manifest)
    return SignedManifest(
        manifest,
        payload,
        hashlib.sha256(payload).digest(),
        keys.sign(MANIFEST_MARKER, payload),
        content_digest(manifest.config_keys, manifest.documents, manifest.secrets),
    )
