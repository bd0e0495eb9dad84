"""Manifests that are signed again with their content: for a new epoch, for other keys, and by age."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.publication.answers import PoolPosition
from contracts.node.manifest import Manifest
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.publication.domain.manifests import MANIFEST_LIFE, RENEWED_AFTER, Head, new_epoch
from services.internal_admin.publication.store.heads import (
    StoredManifest,
    list_heads,
    lock_heads,
    read_manifests,
    sign_head_again,
)
from shared.io import queries
from shared.kernel.actor import Actor
from shared.kernel.config_keys import ConfigKeys

_SQL = queries.load("services.internal_admin.publication.store", "resigning.sql")
_SYSTEM = Caller("system", None, None)


async def begin_epochs(
    connection: asyncpg.Connection, keys: ConfigKeys, pool: str | None, caller: Caller, actor: Actor | None = None
) -> tuple[PoolPosition, ...]:
    """Begin a new epoch for every pool that has a head, or for one. Its documents stay; its manifests are signed anew.

    Nodes accept it whatever they applied before, so this cures nodes that are ahead of a restored database.
    """
    async with connection.transaction():
        pools = [head.pool for head in await list_heads(connection) if pool in (None, head.pool)]
        if not pools:
            return ()
        now, heads = await lock_heads(connection, pools)
        positions = tuple([await _begin_epoch(connection, keys, head, now) for head in heads.values()])
        await insert_operator_event(
            connection, EventName.BEGIN_CONFIG_EPOCH, "begun", caller, actor=actor, pools=sorted(heads)
        )
        return positions


async def take_keys(connection: asyncpg.Connection, keys: ConfigKeys) -> int:
    """Sign every manifest that does not list the keys of the ring, at a next position. Returns the number of pools.

    A node trusts the keys of the manifest that it applied last, so this is how it learns a new key.
    """
    async with connection.transaction():
        pools = [head.pool for head in await list_heads(connection)]
        if not pools:
            return 0
        now, heads = await lock_heads(connection, pools)
        taken = [head.pool for head in heads.values() if await _take_keys(connection, keys, head, now)]
        if taken:
            await insert_operator_event(
                connection, EventName.CHANGE_CONFIG_KEYS, "changed", _SYSTEM, actor=Actor("system", None),
                pools=taken, key_ids=[key.key_id for key in keys.public_keys()],
            )  # fmt: skip
        return len(taken)


async def list_aged_pools(connection: asyncpg.Connection) -> list[str]:
    """The pools with a manifest that was signed more than a day ago."""
    return [row["pool"] for row in await connection.fetch(*_SQL["list_aged_heads"](age=RENEWED_AFTER))]


async def renew(connection: asyncpg.Connection, keys: ConfigKeys, pool: str) -> bool:
    """Sign the manifests of a pool again, at the same positions. Returns whether one was old enough.

    Manifests that list other keys than the ring are left to the process that has these keys. Once half of their life
    is over, they are signed all the same, at the next positions.
    """
    async with connection.transaction():
        now, heads = await lock_heads(connection, [pool])
        head = heads.get(pool)
        if head is None:
            return False
        found = await read_manifests(connection, [head])
        age = now - min(manifest.created_at for manifest in found.values())
        has_other_keys = _has_other_keys(found, keys)
        if age < (MANIFEST_LIFE / 2 if has_other_keys else RENEWED_AFTER):
            return False
        positions = {digest: stored.position for digest, stored in found.items()}
        await sign_head_again(
            connection, keys, head, _manifests(found), head.next_positions() if has_other_keys else positions, now
        )
        return True


async def _begin_epoch(connection: asyncpg.Connection, keys: ConfigKeys, head: Head, now: datetime) -> PoolPosition:
    positions = head.next_positions(new_epoch(now, head.position.epoch))
    await sign_head_again(connection, keys, head, _manifests(await read_manifests(connection, [head])), positions, now)
    return PoolPosition(head.pool, *positions[head.digest])


async def _take_keys(connection: asyncpg.Connection, keys: ConfigKeys, head: Head, now: datetime) -> bool:
    found = await read_manifests(connection, [head])
    if not _has_other_keys(found, keys):
        return False
    await sign_head_again(connection, keys, head, _manifests(found), head.next_positions(), now)
    return True


def _has_other_keys(found: Mapping[bytes, StoredManifest], keys: ConfigKeys) -> bool:
    return any(each.config_keys != keys.public_keys() for each in _manifests(found).values())


def _manifests(found: Mapping[bytes, StoredManifest]) -> dict[bytes, Manifest]:
    return {digest: stored.decoded for digest, stored in found.items()}
