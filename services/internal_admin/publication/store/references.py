"""The secrets that manifests name: computed where a manifest is written, and again where the right to a secret changes.

A change of a secret locks its row, and then the pools whose manifests it concerns. An activation locks the rows of its
secrets, and then its pools, and computes after that. So of the two the later one sees the other, whichever it is.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import asyncpg

from contracts.errors import ErrorCode, Refusal
from contracts.node.manifest import Manifest, SecretReference
from services.internal_admin.publication.domain.manifests import Head, has_grown_too_large, with_references
from services.internal_admin.publication.store.heads import (
    list_heads,
    lock_heads,
    read_manifests,
    sign_head_again,
)
from shared.io import queries
from shared.kernel.config_keys import ConfigKeys

_SQL = queries.load("services.internal_admin.publication.store", "references.sql")

Versions = Sequence[tuple[str, int]]
"""Ids of subjects, each with a version."""


@dataclass(frozen=True, slots=True)
class SecretReferences:
    """Keeps manifests true to the rights to secrets. With an empty ring nothing is signed, and calls do nothing."""

    keys: ConfigKeys = field(repr=False)

    async def refresh(self, connection: asyncpg.Connection, secret_ids: Sequence[str]) -> None:
        """Sign the manifests anew that name these secrets and must not, or must and do not.

        Call it last in the transaction that changed the secrets and holds their locks, and wake polls after the commit.
        Raises `Refusal(MANIFEST_TOO_LARGE)`; the transaction must then be rolled back.
        """
        if self.keys.public_keys():
            rows = await connection.fetch(*_SQL["list_pools_of_secrets"](secret_ids=list(secret_ids)))
            await _refresh(connection, self.keys, [row["pool"] for row in rows], secret_ids)


async def list_stale_pools(connection: asyncpg.Connection) -> list[str]:
    """The pools whose manifests name other secrets than they should. Nothing is locked: some may be about to change."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return [each.head.pool for each in await _list_stale(connection, await list_heads(connection), None)]


async def refresh_pool(connection: asyncpg.Connection, keys: ConfigKeys, pool: str) -> bool:
    """Sign the manifests of a pool anew if they name other secrets than they should. Returns whether they did.

    `keys` is not empty. Raises `Refusal(MANIFEST_TOO_LARGE)`, and then nothing changed.
    """
    async with connection.transaction():
        await lock_secrets(connection, [pool])
        return bool(await _refresh(connection, keys, [pool], None))


async def lock_secrets(
    connection: asyncpg.Connection, pools: Sequence[str], subject_id: str | None = None, version: int | None = None
) -> dict[str, str]:
    """Lock the secrets that a version names and those granted to pools. Returns the names of the version's, by id.

    They cannot change until the transaction ends. Call it before pools are locked: a grant that is being withdrawn from
    a pool without a manifest is gone once this returns.
    """
    query = _SQL["lock_secrets"](subject_id=subject_id, version=version, pools=list(pools))
    return {row["secret_id"]: row["name"] for row in await connection.fetch(*query) if row["is_named"]}


async def list_references(
    connection: asyncpg.Connection, places: Sequence[tuple[str, Versions]], secret_ids: Collection[str] | None = None
) -> list[tuple[SecretReference, ...]]:
    """The secrets that nodes may open, for each place: a pool and the versions in it. With `secret_ids` only those.

    The caller holds the pools' locks.
    """
    named = [(place, *version) for place, (_, versions) in enumerate(places) for version in versions]
    rows = await connection.fetch(
        *_SQL["list_references"](
            places=list(range(len(places))),
            pools=[pool for pool, _ in places],
            named_places=[place for place, _, _ in named],
            subject_ids=[subject_id for _, subject_id, _ in named],
            versions=[version for _, _, version in named],
            secret_ids=None if secret_ids is None else list(secret_ids),
        )
    )
    found: list[list[SecretReference]] = [[] for _ in places]
    for row in rows:
        found[row["place"]].append(_reference(row))
    return [tuple(each) for each in found]


async def _refresh(
    connection: asyncpg.Connection, keys: ConfigKeys, pools: Sequence[str], secret_ids: Collection[str] | None
) -> tuple[str, ...]:
    """Lock the pools, and sign what differs. With `secret_ids` references to other secrets stay as they are."""
    if not pools:
        return ()
    now, heads = await lock_heads(connection, pools)
    stale = await _list_stale(connection, list(heads.values()), secret_ids)
    for each in stale:
        if each.has_grown_too_large:
            raise Refusal(ErrorCode.MANIFEST_TOO_LARGE, f"the manifest of the pool {each.head.pool} would be too large")
        await sign_head_again(connection, keys, each.head, each.wanted, each.head.next_positions(), now)
    return tuple(each.head.pool for each in stale)


async def _list_stale(
    connection: asyncpg.Connection, heads: Sequence[Head], secret_ids: Collection[str] | None
) -> list["_StaleHead"]:
    """The heads whose manifests name other secrets than they should."""
    stored = await _read_stored(connection, heads)
    references = await list_references(connection, [(each.pool, each.versions) for each in stored.values()], secret_ids)
    wanted = {
        digest: with_references(stored[digest].manifest, found, secret_ids)
        for digest, found in zip(stored, references, strict=True)
    }
    every = [_StaleHead(head, stored, {digest: wanted[digest] for digest in head.digests}) for head in heads]
    return [each for each in every if each.is_stale]


@dataclass(frozen=True, slots=True)
class _Stored:
    """A manifest with the versions of its documents, and what nodes may open by it."""

    manifest: Manifest
    versions: Versions
    secrets: AbstractSet[SecretReference]

    @property
    def pool(self) -> str:
        return self.manifest.pool

    def differs(self, wanted: Manifest) -> bool:
        """Whether other secrets are wanted. A release before this one signed manifests without rows for secrets."""
        return self.manifest.secrets != wanted.secrets or self.secrets != set(wanted.secrets)


@dataclass(frozen=True, slots=True)
class _StaleHead:
    """A head, its manifests as they are among others, and as they should be."""

    head: Head
    stored: Mapping[bytes, _Stored]
    wanted: dict[bytes, Manifest]

    @property
    def is_stale(self) -> bool:
        return any(self.stored[digest].differs(manifest) for digest, manifest in self.wanted.items())

    @property
    def has_grown_too_large(self) -> bool:
        return any(
            has_grown_too_large(self.stored[digest].manifest, manifest) for digest, manifest in self.wanted.items()
        )


async def _read_stored(connection: asyncpg.Connection, heads: Sequence[Head]) -> dict[bytes, _Stored]:
    """The manifests of heads, by digest."""
    manifests = await read_manifests(connection, heads)
    versions: dict[bytes, list[tuple[str, int]]] = {digest: [] for digest in manifests}
    for row in await connection.fetch(*_SQL["list_versions_in"](digests=list(manifests))):
        versions[row["manifest_digest"]].append((row["subject_id"], row["version"]))
    secrets: dict[bytes, set[SecretReference]] = {digest: set() for digest in manifests}
    for row in await connection.fetch(*_SQL["list_secrets_in"](digests=list(manifests))):
        secrets[row["manifest_digest"]].add(_reference(row))
    return {digest: _Stored(found.decoded, versions[digest], secrets[digest]) for digest, found in manifests.items()}


def _reference(row: asyncpg.Record) -> SecretReference:
    return SecretReference(row["secret_id"], row["version"], row["reader"])
