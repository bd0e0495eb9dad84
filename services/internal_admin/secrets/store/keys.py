"""The keys that versions need, and another key for them (SPEC §17.5)."""

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.secrets.domain.rewrapping import BEFORE_ALL, Batch, Wrapped, rewrap_all
from services.internal_admin.secrets.domain.sealing import SecretPlace, WrappedKey
from services.internal_admin.secrets.domain.secret import StoredVersion
from shared.io import queries
from shared.kernel.actor import Actor
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing

BATCH = 500
_SQL = queries.load("services.internal_admin.secrets.store", "keys.sql")


async def count_versions_of_keys(connection: asyncpg.Connection) -> dict[str, int]:
    """How many versions need each key, by the key's id."""
    rows = await connection.fetch(*_SQL["count_versions_of_keys"]())
    return {row["key_id"]: row["versions"] for row in rows}


async def count_versions_to_rewrap(connection: asyncpg.Connection, ring: KeyRing) -> int:
    """How many versions another key than the newest one wraps. `ring` is not empty."""
    return await connection.fetchval(*_SQL["count_versions_of_other_keys"](key_id=ring.newest.id))


async def rewrap_batch(
    connection: asyncpg.Connection, ring: KeyRing, entropy: Entropy, after: StoredVersion, caller: Caller, actor: Actor
) -> Batch:
    """Wrap the data keys of up to 500 versions after `after` with the newest key, and commit, with one audit row.

    Any number may run at once, also beside writes and destructions: a version is locked while its key changes, and a
    version that another holds is left out. The batch ends before a version that cannot be unwrapped. `ring` is not
    empty.
    """
    async with connection.transaction():
        rows = await connection.fetch(
            *_SQL["lock_versions_of_other_keys"](
                after_id=after.secret_id, after_version=after.version, key_id=ring.newest.id, limit=BATCH
            )
        )
        done, unreadable = rewrap_all(ring, map(_wrapped, rows), entropy)
        if done:
            await _write(connection, ring, done)
            await insert_operator_event(
                connection, EventName.REWRAP_SECRETS, "rewrapped", caller,
                actor=actor, key_id=ring.newest.id, count=len(done),
            )  # fmt: skip
    return Batch(len(done), _wrapped(rows[-1]).version if rows else BEFORE_ALL, unreadable)


async def _write(connection: asyncpg.Connection, ring: KeyRing, done: list[tuple[StoredVersion, WrappedKey]]) -> None:
    await connection.execute(
        *_SQL["write_wrapped_keys"](
            key_id=ring.newest.id,
            secret_ids=[version.secret_id for version, _ in done],
            versions=[version.version for version, _ in done],
            wrapped_keys=[key.wrapped_key for _, key in done],
        )
    )


def _wrapped(row: asyncpg.Record) -> Wrapped:
    place = SecretPlace(row["secret_id"], row["scope_kind"], row["scope_id"], row["name"], row["version"])
    return Wrapped(place, WrappedKey(row["key_id"], row["wrapped_key"]))
