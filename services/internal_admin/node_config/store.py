"""Units of work and statements of heads, served manifests, statuses and the rollout (SPEC §16.3, §16.5)."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import asyncpg

from contracts.audit_events import EventName
from contracts.node.manifest import Position
from contracts.node.signed import Signature, Signed
from contracts.node.status import ConfigError
from services.internal_admin.callers.identity import Caller, Cause
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.node_access.store import revoke_node
from services.internal_admin.node_config.domain.head import NOTHING, Head, Offer, no_head
from services.internal_admin.node_config.domain.rollout import NodeInPool, PoolReport
from services.internal_admin.node_config.domain.status import (
    NOT_APPLIED,
    NOT_REJECTED,
    Applied,
    Boots,
    Change,
    Rejected,
    Told,
)
from services.internal_admin.publication.store.heads import halt_stage
from shared.io import queries
from shared.kernel.actor import Actor

_SQL = queries.load("services.internal_admin.node_config")
_DOCUMENT = re.compile(r"[a-z_]{1,32}/[a-z0-9-]{1,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Look:
    """The result of one look at Postgres: the head of each pool, and the nodes that were revoked lately."""

    looked_at: datetime
    heads: Mapping[str, Head]
    revoked: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReadTold:
    """All that a node told until now, and the time of Postgres.

    `are_uses_noted`: within the last hour it was noted that nodes tell of last uses.
    """

    told: Told
    now: datetime
    are_uses_noted: bool


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a status.

    `applied_after`: the time from the activation until now, if the node runs with the newest configuration of its pool.
    `wakes`: the status halted the stage of its pool, or its node was revoked.
    """

    applied_after: timedelta | None
    wakes: bool = False


async def look(connection: asyncpg.Connection, since: datetime | None) -> Look:
    """The heads now, and the nodes revoked since the look of that time. One statement."""
    rows = await connection.fetch(*_SQL["look"](since=since))
    heads = {row["pool"]: _head(row["pool"], row) for row in rows if row["pool"] is not None}
    return Look(rows[0]["looked_at"], heads, frozenset(rows[0]["revoked"]))


async def read_head(connection: asyncpg.Connection, pool: str) -> tuple[Head, datetime] | None:
    """The head of a pool and the time of Postgres; None if there is no such pool."""
    row = await connection.fetchrow(*_SQL["read_head"](pool=pool))
    return None if row is None else (_head(pool, row), row["now"])


async def read_pools(connection: asyncpg.Connection) -> list[str]:
    """The names of all pools."""
    return [row["pool"] for row in await connection.fetch(*_SQL["read_pools"]())]


async def read_manifest(connection: asyncpg.Connection, digest: str) -> Signed | None:
    """A signed manifest; None if it is kept no more."""
    row = await connection.fetchrow(*_SQL["read_manifest"](digest=bytes.fromhex(digest)))
    if row is None:
        return None
    signatures = tuple(
        Signature(each["key_id"], base64.b64decode(each["signature"])) for each in json.loads(row["signatures"])
    )
    return Signed(row["manifest"], signatures)


async def read_document(connection: asyncpg.Connection, pool: str, digest: str) -> bytes | None:
    """The bytes of a document; None if no kept manifest of the pool names it."""
    return await connection.fetchval(*_SQL["read_document"](pool=pool, digest=bytes.fromhex(digest)))


async def knows_stage(connection: asyncpg.Connection, node_id: str, head: Head) -> bool:
    """Whether the node was offered a newest manifest of the stage, or told of it."""
    epoch, last = head.newest.position
    query = _SQL["knows_stage"](node_id=node_id, epoch=epoch, first=head.first_of_stage, last=last)
    return await connection.fetchval(*query)


async def read_told(connection: asyncpg.Connection, node_id: str) -> ReadTold:
    """All that the node told until now; nothing, before its first status."""
    row = await connection.fetchrow(*_SQL["read_told"](node_id=node_id))
    if row is None:
        raise AssertionError("the statement returns one row")
    if row["status_at_ms"] is None:
        return ReadTold(Told(software=row["software"]), row["now"], row["are_uses_noted"])
    boots = Boots(row["boot_id"], row["previous_boot_id"], row["boot_changed_at"], row["key_shared_at"])
    told = Told(
        row["status_at_ms"], row["last_seen_at"], row["software"], boots, _applied(row), _rejected(row), _error(row)
    )
    return ReadTold(told, row["now"], row["are_uses_noted"])


async def write_told(
    connection: asyncpg.Connection, node_id: str, pool: str, change: Change, report: str | None, caller: Caller
) -> Written | None:
    """Write the change with its audit rows; None if another status came first, and nothing was written.

    A new rejection halts the stage of its pool, if that stage halts. One statement, if nothing is to be audited.
    """
    if not (change.is_rejection or change.is_key_shared):
        return await _write(connection, node_id, pool, change, report)
    async with connection.transaction():
        written = await _write(connection, node_id, pool, change, report)
        if written is None:
            return None
        wakes = change.is_rejection and await _reject(connection, node_id, pool, change.told, caller)
        if change.is_key_shared:
            wakes = await _tell_shared_key(connection, node_id, caller) or wakes
        return replace(written, wakes=wakes)


async def is_revoked(connection: asyncpg.Connection, node_id: str) -> bool:
    return await connection.fetchval(*_SQL["is_revoked"](node_id=node_id))


async def write_offers(
    connection: asyncpg.Connection, offers: Sequence[tuple[str, Position]], ages: Sequence[timedelta]
) -> None:
    """Note which manifest each node was offered, and how long ago. One statement for all."""
    await connection.execute(
        *_SQL["write_offers"](
            node_ids=[node_id for node_id, _ in offers],
            epochs=[position.epoch for _, position in offers],
            sequences=[position.sequence for _, position in offers],
            ages=list(ages),
        )
    )


async def list_nodes(connection: asyncpg.Connection, pool: str, after: str, limit: int) -> Page[NodeInPool]:
    """Active nodes of a pool by id, after a node."""
    rows = await connection.fetch(*_SQL["list_nodes"](pool=pool, after=after, limit=limit + 1))
    return cut_page([_node(row) for row in rows], limit)


async def sum_reports(connection: asyncpg.Connection) -> list[PoolReport]:
    """The reports of nodes that were seen lately, by pool."""
    return [
        PoolReport(
            row["pool"],
            row["sessions_cached"],
            row["redis_lost"],
            timedelta(milliseconds=row["revocation_lag_ms"] or 0),
            row["key_shared"],
        )
        for row in await connection.fetch(*_SQL["sum_reports"]())
    ]


async def _write(
    connection: asyncpg.Connection, node_id: str, pool: str, change: Change, report: str | None
) -> Written | None:
    told, applied, rejected, error = change.told, change.told.applied, change.told.rejected, change.told.error
    row = await connection.fetchrow(
        *_SQL["write_told"](
            node_id=node_id,
            pool=pool,
            replaces_at_ms=change.replaces_at_ms,
            software=told.software,
            last_seen_at=told.last_seen_at,
            status_at_ms=told.status_at_ms,
            boot_id=told.boots.boot_id,
            previous_boot_id=told.boots.previous,
            boot_changed_at=told.boots.changed_at,
            key_shared_at=told.boots.shared_at,
            applied_epoch=applied.position.epoch,
            applied_sequence=applied.position.sequence,
            applied_digest=_raw(applied.digest),
            applied_outcome=applied.outcome,
            applied_at=applied.at,
            source=applied.source,
            rejected_epoch=rejected.position.epoch,
            rejected_sequence=rejected.position.sequence,
            rejected_digest=_raw(rejected.digest),
            rejected_at=rejected.at,
            error_code=error and error.code,
            error_message=error and error.message,
            error_document=error and error.document,
            report=report,
        )
    )
    return None if row is None else Written(row["applied_after"])


async def _reject(connection: asyncpg.Connection, node_id: str, pool: str, told: Told, caller: Caller) -> bool:
    """Audit the rejection, and halt the stage if that is asked for. The message stays out of the trail."""
    position, error = told.rejected.position, told.error
    await insert_operator_event(
        connection,
        EventName.REJECT_CONFIGURATION,
        "rejected",
        caller,
        subject=node_id,
        reason_code=error and error.code,
        pool=pool,
        epoch=position.epoch,
        sequence=position.sequence,
        document=_document_name(error),
    )
    return await halt_stage(connection, pool, position)


async def _tell_shared_key(connection: asyncpg.Connection, node_id: str, caller: Caller) -> bool:
    """Audit that two processes use the key of the node, and revoke the node if the setting says so."""
    policy = await connection.fetchval(*_SQL["read_key_shared_policy"]())
    await insert_operator_event(connection, EventName.DETECT_SHARED_KEY, policy, caller, subject=node_id)
    if policy != "revoke":
        return False
    await revoke_node(connection, node_id, Cause("key_shared", Actor("system", None), caller))
    return True


async def keep_last_uses(connection: asyncpg.Connection, uses: Sequence[tuple[str, str]]) -> None:
    """Keep the day of last use of sessions that exist. A day never goes back, and none is in the future."""
    session_ids, days = [session for session, _ in uses], [date.fromisoformat(day) for _, day in uses]
    await connection.execute(*_SQL["keep_last_uses"](session_ids=session_ids, days=days))


async def note_last_uses_told(connection: asyncpg.Connection, *, only_renews: bool) -> None:
    """Note that a node told of last uses, or with `only_renews` that it saw none."""
    await connection.execute(*_SQL["note_last_uses_told"](only_renews=only_renews))


def _document_name(error: ConfigError | None) -> str | None:
    """The document that the node names, if the text has the form of a name. Other text stays out of the trail."""
    name = None if error is None else error.document
    return name if name is not None and _DOCUMENT.fullmatch(name) else None


def _head(pool: str, row: asyncpg.Record) -> Head:
    if row["digest"] is None:
        return no_head(pool)
    stable = NOTHING
    if row["stable_epoch"] is not None:
        stable = Offer(Position(row["stable_epoch"], row["stable_sequence"]), _text(row["stable_digest"]))
    newest = Offer(Position(row["epoch"], row["sequence"]), _text(row["digest"]))
    return Head(
        pool,
        newest,
        row["activated_at"],
        stable,
        row["percent"],
        row["halts"],
        row["halted_at"],
        row["staged_sequence"],
    )


def _node(row: asyncpg.Record) -> NodeInPool:
    if row["last_seen_at"] is None:
        return NodeInPool(row["node_id"], row["node_name"], row["created_at"])
    return NodeInPool(
        row["node_id"],
        row["node_name"],
        row["created_at"],
        row["last_seen_at"],
        Position(row["offered_epoch"], row["offered_sequence"]),
        row["offered_at"],
        _applied(row),
        _rejected(row),
        _error(row),
    )


def _applied(row: asyncpg.Record) -> Applied:
    if row["applied_digest"] is None:
        return NOT_APPLIED
    position = Position(row["applied_epoch"], row["applied_sequence"])
    return Applied(position, _text(row["applied_digest"]), row["applied_outcome"], row["source"], row["applied_at"])


def _rejected(row: asyncpg.Record) -> Rejected:
    if row["rejected_digest"] is None:
        return NOT_REJECTED
    position = Position(row["rejected_epoch"], row["rejected_sequence"])
    return Rejected(position, _text(row["rejected_digest"]), row["rejected_at"])


def _error(row: asyncpg.Record) -> ConfigError | None:
    if row["error_code"] is None:
        return None
    return ConfigError(row["error_code"], row["error_message"], row["error_document"])


def _text(digest: bytes) -> str:
    return digest.hex()


def _raw(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)
