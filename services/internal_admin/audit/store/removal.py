"""Store: removes the beginning of the audit trail that is past its time (SPEC §10.8), by the one function that can."""

from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from services.internal_admin.audit.domain.chain import seal_checkpoint
from services.internal_admin.audit.domain.removal import Broken, removable_links
from services.internal_admin.audit.store.seals import SQL, read_checkpoint, read_links
from shared.kernel.keyring import KeyRing


@dataclass(frozen=True, slots=True)
class Removed:
    """How many rows went, and by how much the newest of them was past its time (0 if none went)."""

    rows: int
    newest_late: timedelta


async def remove_aged_prefix(connection: asyncpg.Connection, keys: KeyRing, limit: int) -> Removed | Broken:
    """Remove up to `limit` rows from the beginning of the chain, checked before they go.

    Repeats are harmless, and so are several at once: one waits for the other, and removes nothing.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        time = await connection.fetchrow(*SQL["read_audit_cutoff"]())
        checkpoint = await read_checkpoint(connection)
        links = await read_links(connection, checkpoint.place.seq, limit)
    assert time is not None
    found = removable_links(checkpoint, links, cutoff=time["cutoff"], last_seq=time["last_seq"] or 0, keys=keys)
    if isinstance(found, Broken):
        return found
    if not found:
        return Removed(0, timedelta())
    made = seal_checkpoint(found[-1].seal.place, keys.newest)
    place = made.place
    rows = await connection.fetchval(
        *SQL["remove_audit_prefix"](seq=place.seq, chain_mac=place.mac, key_id=made.key_id, mac=made.mac)
    )
    newest = max(link.row.occurred_at for link in found if link.row is not None)
    return Removed(rows, time["cutoff"] - newest)
