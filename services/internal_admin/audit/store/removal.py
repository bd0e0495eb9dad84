"""Removal of the oldest rows of the audit trail by their age, through the one function that can (SPEC §10.8)."""

from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from services.internal_admin.audit.domain.chain import seal_checkpoint
from services.internal_admin.audit.domain.removal import Broken, removable_links
from services.internal_admin.audit.store.seals import SQL, read_checkpoint, read_links
from shared.kernel.keyring import KeyRing


@dataclass(frozen=True, slots=True)
class Removed:
    """The number of removed rows, and how late the newest of them was removed (0 if none was)."""

    rows: int
    newest_late: timedelta


async def remove_aged_prefix(connection: asyncpg.Connection, keys: KeyRing, limit: int) -> Removed | Broken:
    """Check up to `limit` rows from the beginning of the chain, then remove them.

    Repeats are harmless. Of two removals at once, one waits for the other and removes nothing.
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
