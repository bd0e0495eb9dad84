"""Heads of pools and their signed manifests: read, replaced, halted."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from contracts.audit_events import EventName
from contracts.node.manifest import Document, Manifest, Position, decode_manifest
from contracts.node.signed import Signature, Signed
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.publication.domain.manifests import (
    Content,
    GoOn,
    Head,
    PublishedDocument,
    Replace,
    Restage,
    SignedManifest,
    sign_again,
    sign_manifest,
)
from shared.io import queries
from shared.kernel.actor import Actor
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.faults import InvariantBroken

_SQL = queries.load("services.internal_admin.publication.store", "heads.sql")
_SYSTEM = Caller("system", None, None)


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as nodes get it. `digest` is the SHA-256 of `signed.payload`."""

    digest: bytes
    pool: str
    position: Position
    signed: Signed = field(repr=False)
    created_at: datetime
    expires_at: datetime

    @property
    def decoded(self) -> Manifest:
        return decode_manifest(self.signed.payload)


@dataclass(frozen=True, slots=True)
class ServedHead:
    """A pool's head with its manifests. While a stage is unfinished, nodes outside of its percentage get `stable`.

    `stable` is None without a stage, and also where the pool had no manifest before the stage.
    """

    head: Head
    current: StoredManifest
    stable: StoredManifest | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A pool's manifest and the bytes of its documents."""

    manifest: StoredManifest
    documents: tuple[bytes, ...] = field(repr=False)


async def list_heads(connection: asyncpg.Connection) -> list[Head]:
    """Every head, by pool."""
    return [_head(row) for row in await connection.fetch(*_SQL["list_heads"]())]


async def read_served_head(connection: asyncpg.Connection, pool: str) -> ServedHead | None:
    """The head of a pool with its manifests; None if no configuration was ever activated in it."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        heads = await read_heads(connection, [pool])
        if pool not in heads:
            return None
        head = heads[pool]
        found = await read_manifests(connection, [head])
    stable = None if head.stable_digest is None else found[head.stable_digest]
    return ServedHead(head, found[head.digest], stable)


async def halt_stage(connection: asyncpg.Connection, pool: str, position: Position) -> bool:
    """Halt the stage at this position after a rejection: no node gets its manifest that was not offered it before.

    Returns whether this call halted it. False: the stage is over, halted, or does not halt. A repeat changes nothing.
    """
    async with connection.transaction():
        percent = await connection.fetchval(
            *_SQL["halt_stage"](pool=pool, epoch=position.epoch, sequence=position.sequence)
        )
        if percent is None:
            return False
        await insert_operator_event(
            connection, EventName.HALT_CONFIG_STAGE, "halted", _SYSTEM, actor=Actor("system", None),
            pool=pool, epoch=position.epoch, sequence=position.sequence, percent=percent,
        )  # fmt: skip
        return True


async def read_bundle(connection: asyncpg.Connection, pool: str) -> Bundle | None:
    """Everything that a node of the pool needs to start without the control plane; None if the pool has no head.

    While a stage is unfinished it is the stable configuration, if there is one.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        heads = await read_heads(connection, [pool])
        if pool not in heads:
            return None
        head = heads[pool]
        digest = head.stable_digest or head.digest
        manifest = (await read_manifests(connection, [head]))[digest]
        rows = await connection.fetch(*_SQL["list_documents_of_pool"](manifest_digest=digest))
        return Bundle(manifest, tuple(row["document"] for row in rows))


async def lock_heads(connection: asyncpg.Connection, pools: Iterable[str]) -> tuple[datetime, dict[str, Head]]:
    """Lock one pool or more by name, and return the time and their heads. Every pool must be there."""
    names = sorted(set(pools))
    rows = await connection.fetch(*_SQL["lock_pools"](pools=names))
    if not rows or sorted(row["pool"] for row in rows) != names:
        raise InvariantBroken("a version names pools that exist")
    return rows[-1]["now"].replace(microsecond=0), await read_heads(connection, names)


async def read_heads(connection: asyncpg.Connection, pools: Sequence[str]) -> dict[str, Head]:
    """The heads of these pools, those that there are."""
    return {row["pool"]: _head(row) for row in await connection.fetch(*_SQL["read_heads"](pools=list(pools)))}


async def list_other_documents(
    connection: asyncpg.Connection, pools: Sequence[str], subject_id: str
) -> dict[str, list[PublishedDocument]]:
    """The documents of other active subjects in each of these pools. The caller holds the pools' locks."""
    found: dict[str, list[PublishedDocument]] = {pool: [] for pool in pools}
    for row in await connection.fetch(*_SQL["list_other_documents"](pools=list(pools), subject_id=subject_id)):
        found[row["pool"]].append(_document(row))
    return found


async def read_stable_documents(
    connection: asyncpg.Connection, heads: Iterable[Head]
) -> dict[str, list[PublishedDocument]]:
    """The documents of staged subjects in the stable manifests of these heads, by pool."""
    wanted = [head for head in heads if head.stable_digest is not None]
    rows = await connection.fetch(
        *_SQL["read_stable_documents"](
            digests=[head.stable_digest for head in wanted], subject_ids=[head.staged_subject_id for head in wanted]
        )
    )
    found: dict[str, list[PublishedDocument]] = {}
    for row in rows:
        found.setdefault(row["pool"], []).append(_document(row))
    return found


async def write_head(
    connection: asyncpg.Connection,
    keys: ConfigKeys,
    pool: str,
    content: Content,
    decision: Replace,
    subject_id: str,
    now: datetime,
) -> None:
    """Sign a manifest of this content, and make it the head. The caller holds the pool's lock.

    A stage that begins with it is one of the subject.
    """
    signed = await _insert_content(connection, keys, pool, content, decision.position, now)
    stage = decision.stage
    await connection.execute(
        *_SQL["write_head"](
            pool=pool,
            epoch=decision.position.epoch,
            sequence=decision.position.sequence,
            digest=signed.digest,
            content_digest=signed.content_digest,
            activated_at=now,
            stable_digest=decision.stable_digest,
            percent=100 if stage is None else stage.percent,
            halts=stage is not None and stage.halts,
            staged_subject_id=None if stage is None else subject_id,
        )
    )
    await connection.execute(*_SQL["remove_manifests"](pool=pool))


async def write_both(
    connection: asyncpg.Connection,
    keys: ConfigKeys,
    head: Head,
    newest: Content,
    stable: Content,
    decision: GoOn,
    now: datetime,
) -> None:
    """Give a new content to the nodes of a stage, and one to the others; the stage goes on.

    Where the others had no manifest they get one if it has a document. The caller holds the pool's lock.
    """
    stable_digest = None
    if head.stable_digest is not None or stable.documents:
        at = decision.stable_position
        stable_digest = (await _insert_content(connection, keys, head.pool, stable, at, now)).digest
    signed = await _insert_content(connection, keys, head.pool, newest, decision.position, now)
    await _write_renewed_head(connection, signed, stable_digest)


async def write_stage(connection: asyncpg.Connection, pool: str, decision: Restage) -> None:
    """Give the staged manifest of a pool to more nodes, or to all. The caller holds the pool's lock."""
    stage = decision.stage
    percent, halts = (100, False) if stage is None else (stage.percent, stage.halts)
    await connection.execute(*_SQL["write_stage"](pool=pool, percent=percent, halts=halts))


async def sign_head_again(
    connection: asyncpg.Connection,
    keys: ConfigKeys,
    head: Head,
    manifests: Mapping[bytes, Manifest],
    positions: Mapping[bytes, Position],
    now: datetime,
) -> None:
    """Sign the manifests of a head, by their digests, at positions, with new times. Their documents stay.

    The caller holds the pool's lock.
    """
    signed: dict[bytes, SignedManifest] = {}
    for digest, position in positions.items():
        signed[digest] = sign_again(keys, manifests[digest], position, now)
        await _insert_manifest(connection, signed[digest])
        await connection.execute(*_SQL["copy_documents"](from_digest=digest, to_digest=signed[digest].digest))
    stable_digest = None if head.stable_digest is None else signed[head.stable_digest].digest
    await _write_renewed_head(connection, signed[head.digest], stable_digest)


async def _write_renewed_head(
    connection: asyncpg.Connection, newest: SignedManifest, stable_digest: bytes | None
) -> None:
    manifest = newest.manifest
    await connection.execute(
        *_SQL["write_renewed_head"](
            pool=manifest.pool,
            epoch=manifest.position.epoch,
            sequence=manifest.position.sequence,
            digest=newest.digest,
            content_digest=newest.content_digest,
            stable_digest=stable_digest,
        )
    )
    await connection.execute(*_SQL["remove_manifests"](pool=manifest.pool))


async def _insert_content(
    connection: asyncpg.Connection, keys: ConfigKeys, pool: str, content: Content, position: Position, now: datetime
) -> SignedManifest:
    signed = sign_manifest(keys, content.manifest(keys, pool, position, now))
    await _insert_manifest(connection, signed)
    rows = [
        {
            "manifest_digest": signed.digest,
            "document_digest": bytes.fromhex(each.document.digest),
            "subject_id": each.subject_id,
            "version": each.document.version,
        }
        for each in content.documents
    ]
    await connection.executemany(*_SQL["insert_document"].many(rows))
    return signed


async def _insert_manifest(connection: asyncpg.Connection, signed: SignedManifest) -> None:
    manifest = signed.manifest
    await connection.execute(
        *_SQL["insert_manifest"](
            digest=signed.digest,
            pool=manifest.pool,
            epoch=manifest.position.epoch,
            sequence=manifest.position.sequence,
            manifest=signed.payload,
            signatures=json.dumps(
                [
                    {"key_id": each.key_id, "signature": base64.b64encode(each.value).decode("ascii")}
                    for each in signed.signatures
                ]
            ),
            created_at=manifest.created_at,
            expires_at=manifest.expires_at,
        )
    )
    await connection.execute(
        *_SQL["insert_secrets"](
            manifest_digest=signed.digest,
            secret_ids=[each.secret_id for each in manifest.secrets],
            readers=[each.reader for each in manifest.secrets],
            versions=[each.version for each in manifest.secrets],
        )
    )


async def read_manifests(connection: asyncpg.Connection, heads: Iterable[Head]) -> dict[bytes, StoredManifest]:
    """The manifests that heads name, by digest."""
    digests = [digest for head in heads for digest in head.digests]
    rows = await connection.fetch(*_SQL["read_manifests"](digests=digests))
    return {row["digest"]: stored_manifest(row) for row in rows}


def stored_manifest(row: asyncpg.Record) -> StoredManifest:
    """The manifest of a row of `config_manifests`."""
    signatures = tuple(
        Signature(each["key_id"], base64.b64decode(each["signature"])) for each in json.loads(row["signatures"])
    )
    return StoredManifest(
        row["digest"],
        row["pool"],
        Position(row["epoch"], row["sequence"]),
        Signed(row["manifest"], signatures),
        row["created_at"],
        row["expires_at"],
    )


def _document(row: asyncpg.Record) -> PublishedDocument:
    document = Document(row["kind"], row["name"], row["version"], row["digest"].hex(), row["size"])
    return PublishedDocument(row["subject_id"], document)


def _head(row: asyncpg.Record) -> Head:
    return Head(
        row["pool"],
        Position(row["epoch"], row["sequence"]),
        row["digest"],
        row["content_digest"],
        row["activated_at"],
        row["stable_digest"],
        row["percent"],
        row["halts"],
        row["halted_at"],
        row["staged_subject_id"],
    )
