"""Statements that append seals to the audit trail and walk along the chain (SPEC §10.8).

Only one process may append at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from contracts.control_plane.audit import AuditRow
from services.internal_admin.audit.domain.chain import Checkpoint, Place, Seal, seal_rows
from services.internal_admin.audit.domain.check import Link
from services.internal_admin.audit.domain.unseen_ids import UnseenIds
from shared.io import queries
from shared.kernel.keyring import Key

SQL = queries.load("services.internal_admin.audit.store", "seals.sql")


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The point where sealing goes on: the place of the last seal, and the ids that have not been seen yet."""

    place: Place
    unseen: UnseenIds


@dataclass(frozen=True, slots=True)
class Sealed:
    """The result of a batch: the new end, the number of rows looked at, and the time of the oldest row it sealed."""

    end: ChainEnd
    looked_at: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """The number of rows without a seal, and how long the oldest of them has waited (0 if there is none).

    At most 10,000 rows are counted after the last seal, and at most 10,000 before it.
    """

    rows: int
    oldest: timedelta


class ChainMoved(Exception):
    """Another process appended to the chain. Nothing was written; the caller reads the end of the chain anew."""


async def read_chain_end(connection: asyncpg.Connection) -> ChainEnd:
    """Read where sealing begins. Ids that the last sealer waited for are waited for again."""
    row = await connection.fetchrow(*SQL["read_chain_end"]())
    assert row is not None
    return ChainEnd(Place(row["seq"], row["mac"]), UnseenIds(row["floor"]))


async def seal_batch(connection: asyncpg.Connection, end: ChainEnd, key: Key, limit: int, now: float) -> Sealed:
    """Seal rows that have not been seen, oldest first; `now` in seconds of a monotonic clock. Raises `ChainMoved`.

    One statement reads and one writes. The batch is committed on return; after a fault all of it is, or nothing.
    """
    rows = await read_unseen_rows(connection, end.unseen, limit)
    unsealed = [audit_row(row) for row in rows if row["seq"] is None]
    unseen = end.unseen.after([row["audit_id"] for row in rows], now)
    seals = seal_rows(end.place, unsealed, key)
    if seals:
        await _write_seals(connection, seals, key, unseen.floor)
    place = seals[-1].place if seals else end.place
    return Sealed(ChainEnd(place, unseen), len(rows), min((row.occurred_at for row in unsealed), default=None))


async def read_unseen_rows(connection: asyncpg.Connection, unseen: UnseenIds, limit: int) -> list[asyncpg.Record]:
    """The rows of `unseen` by id, at most twice `limit`, each with the number of its seal."""
    lows, highs = [gap.low for gap in unseen.gaps], [gap.high for gap in unseen.gaps]
    return await connection.fetch(
        *SQL["read_unseen_rows"](after_audit_id=unseen.last, gap_lows=lows, gap_highs=highs, limit=limit)
    )


async def read_backlog(connection: asyncpg.Connection) -> Backlog:
    """Read in one snapshot. Rows below the sealer's floor are not looked at: the sealer does not wait for them."""
    row = await connection.fetchrow(*SQL["read_backlog"]())
    assert row is not None
    return Backlog(row["rows"], row["oldest"])


async def read_checkpoint(connection: asyncpg.Connection) -> Checkpoint:
    """Where the chain begins."""
    row = await connection.fetchrow(*SQL["read_checkpoint"]())
    assert row is not None
    return Checkpoint(Place(row["seq"], row["chain_mac"]), row["key_id"], row["mac"])


async def read_links(connection: asyncpg.Connection, after: int, limit: int) -> list[Link]:
    """The seals after a number with their rows, in the order of the chain, at most `limit`."""
    return [_link(row) for row in await connection.fetch(*SQL["read_links"](after_seq=after, limit=limit))]


def audit_row(row: asyncpg.Record) -> AuditRow:
    """The columns of the table, `details` as text."""
    return AuditRow(*(row[name] for name in AuditRow.__slots__))


def _link(row: asyncpg.Record) -> Link:
    seal = Seal(Place(row["seq"], row["mac"]), row["sealed_audit_id"], row["key_id"])
    return Link(seal, None if row["audit_id"] is None else audit_row(row))


async def _write_seals(connection: asyncpg.Connection, seals: Sequence[Seal], key: Key, floor: int) -> None:
    numbers, ids = [seal.place.seq for seal in seals], [seal.audit_id for seal in seals]
    try:
        await connection.execute(
            *SQL["write_seals"](
                seq=numbers, audit_id=ids, key_id=key.id, mac=[seal.place.mac for seal in seals], floor=floor
            )
        )
    except asyncpg.UniqueViolationError:
        raise ChainMoved from None
