"""Activation and pause: pointer, history, signed manifests and audit row change in one transaction, or nothing does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from contracts.control_plane.publication import Check, PoolPosition
from contracts.node.manifest import Document
from services.internal_admin.publication.domain.checks import check_pools, errors_of
from services.internal_admin.publication.domain.manifests import (
    Head,
    HeadDecision,
    Keep,
    PublishedDocument,
    Replace,
    Restage,
    Unfinished,
    content_digest,
    decide_head,
)
from services.internal_admin.publication.domain.subject import (
    Activated,
    ActivateOutcome,
    ActivateVersion,
    ActivationConflict,
    ChecksFailed,
    IsArchived,
    NotActive,
    Paused,
    PauseOutcome,
    PauseSubject,
    PoolTaken,
    Stage,
    StageUnfinished,
    Subject,
    SubjectNotFound,
    VersionNotFound,
    WholeVersion,
)
from services.internal_admin.publication.store.heads import (
    list_other_documents,
    lock_heads,
    write_head,
    write_stage,
)
from services.internal_admin.publication.store.kind import Kind
from services.internal_admin.publication.store.subjects import (
    audit,
    lock_subject,
    read_pool_facts,
    read_version,
)
from shared.io import queries
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.faults import InvariantBroken

_SQL = queries.load("services.internal_admin.publication.store", "subjects.sql")


async def activate_version(
    connection: asyncpg.Connection, kind: Kind, keys: ConfigKeys, command: ActivateVersion
) -> ActivateOutcome:
    """Give a version to the nodes of its pools. An older version is activated alike.

    Pools that only the version before names lose its document in the same transaction. `keys` is not empty.
    """
    async with connection.transaction():
        outcome = await _activate(connection, kind, keys, command)
        percent = None if command.stage is None else command.stage.percent
        details = {"version": command.version, "percent": percent, **_positions(outcome)}
        await audit(connection, kind.events.activate, outcome.name, command, details)
        return outcome


async def pause_subject(
    connection: asyncpg.Connection, kind: Kind, keys: ConfigKeys, command: PauseSubject
) -> PauseOutcome:
    """Take the active version from the nodes of its pools. Draft and versions stay. `keys` is not empty."""
    async with connection.transaction():
        outcome = await _pause(connection, kind, keys, command)
        await audit(connection, kind.events.pause, outcome.name, command, _positions(outcome))
        return outcome


async def _activate(
    connection: asyncpg.Connection, kind: Kind, keys: ConfigKeys, command: ActivateVersion
) -> ActivateOutcome:
    found = await _wanted(connection, kind, command)
    if not isinstance(found, _Wanted):
        return found
    subject = found.subject
    change = await _change_of(connection, kind, keys, subject, found.version, command.stage)
    if isinstance(change, PoolTaken | StageUnfinished):
        return change
    if not change.is_change and subject.active_version == command.version:
        return Activated(command.version, change.positions, is_change=False)
    if subject.active_version != command.expected_active_version:
        return ActivationConflict(subject.active_version)
    await change.write(connection, keys)
    await _write_active(connection, subject, command.version, command.stage, command.caller.name, command.note)
    return Activated(command.version, change.positions, is_change=True)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The locked subject, and its version that shall be active."""

    subject: Subject
    version: WholeVersion


async def _wanted(
    connection: asyncpg.Connection, kind: Kind, command: ActivateVersion
) -> _Wanted | SubjectNotFound | IsArchived | VersionNotFound | ActivationConflict | ChecksFailed:
    """Lock the subject and read the version. A version that is active already is none that the caller must expect."""
    subject = await lock_subject(connection, kind, command.subject_id)
    if subject is None:
        return SubjectNotFound()
    if subject.archived_at is not None:
        return IsArchived()
    version = await read_version(connection, subject.subject_id, command.version)
    if version is None:
        return VersionNotFound()
    if subject.active_version not in (command.expected_active_version, command.version):
        return ActivationConflict(subject.active_version)
    checks = await _checks(connection, kind, subject, version)
    return ChecksFailed(checks) if errors_of(checks) else _Wanted(subject, version)


async def _pause(connection: asyncpg.Connection, kind: Kind, keys: ConfigKeys, command: PauseSubject) -> PauseOutcome:
    subject = await lock_subject(connection, kind, command.subject_id)
    if subject is None:
        return SubjectNotFound()
    if subject.active_version is None:
        if subject.paused_at is None or subject.archived_at is not None:
            return NotActive()
        return Paused((), is_change=False, changes=await kind.when_paused(connection, subject, command))
    change = await _change_of(connection, kind, keys, subject, None, None)
    if isinstance(change, PoolTaken | StageUnfinished):
        raise InvariantBroken("a pause takes no pool and has no stage")
    await change.write(connection, keys)
    await _write_active(connection, subject, None, None, command.caller.name, command.note)
    changes = await kind.when_paused(connection, subject, command)
    return Paused(change.positions, is_change=True, changes=changes)


class _Change:
    """The changes of the heads of the touched pools, decided under their locks and not yet written."""

    def __init__(
        self,
        documents: Mapping[str, Sequence[PublishedDocument]],
        heads: Mapping[str, Head],
        decisions: Mapping[str, HeadDecision],
        now: datetime,
    ) -> None:
        self._documents, self._decisions, self._now = documents, decisions, now
        self.positions = tuple(_position(pool, heads.get(pool), decision) for pool, decision in decisions.items())

    @property
    def is_change(self) -> bool:
        return not all(isinstance(decision, Keep) for decision in self._decisions.values())

    async def write(self, connection: asyncpg.Connection, keys: ConfigKeys) -> None:
        """Write the heads in the order of the pools' names."""
        for pool, decision in self._decisions.items():
            if isinstance(decision, Replace):
                await write_head(connection, keys, pool, self._documents[pool], decision, self._now)
            elif isinstance(decision, Restage):
                await write_stage(connection, pool, decision)


async def _change_of(
    connection: asyncpg.Connection,
    kind: Kind,
    keys: ConfigKeys,
    subject: Subject,
    wanted: WholeVersion | None,
    stage: Stage | None,
) -> _Change | PoolTaken | StageUnfinished:
    """Lock the pools of the version before and of the wanted one, and decide what becomes of each.

    Which version is active is decided under the subject's lock, which the caller holds.
    """
    new_pools = () if wanted is None else wanted.version.pools
    pools = sorted({*await _active_pools(connection, subject), *new_pools})
    now, heads = await lock_heads(connection, pools)
    documents = await list_other_documents(connection, pools, subject.subject_id)
    for pool in new_pools if kind.is_alone else ():
        for other in documents[pool]:
            if other.document.kind == kind.name:
                return PoolTaken(pool, other.document.name)
    decisions: dict[str, HeadDecision] = {}
    for pool in pools:
        if wanted is not None and pool in new_pools:
            documents[pool] = sorted([*documents[pool], _document(kind, subject, wanted)], key=_order)
        digest = content_digest(keys.public_keys(), [each.document for each in documents[pool]])
        decisions[pool] = decide_head(heads.get(pool), digest, stage, now)
        if isinstance(decisions[pool], Unfinished):
            return StageUnfinished(pool)
    return _Change(documents, heads, decisions, now)


async def _active_pools(connection: asyncpg.Connection, subject: Subject) -> tuple[str, ...]:
    if subject.active_version is None:
        return ()
    active = await read_version(connection, subject.subject_id, subject.active_version)
    if active is None:
        raise InvariantBroken("an active version is never removed")
    return active.version.pools


async def _checks(
    connection: asyncpg.Connection, kind: Kind, subject: Subject, wanted: WholeVersion
) -> tuple[Check, ...]:
    """The checks of a version: its pools are there, and nodes of today can read its document."""
    pools = wanted.version.pools
    known = await read_pool_facts(connection, kind, subject.subject_id, pools)
    checks = check_pools(pools, known, is_alone=kind.is_alone)
    if kind.can_read(wanted.document):
        return checks
    message = f"this release cannot read the document of version {wanted.version.version}; publish the draft again"
    return (Check("compatibility", "error", message), *checks)


async def _write_active(
    connection: asyncpg.Connection,
    subject: Subject,
    version: int | None,
    stage: Stage | None,
    by: str,
    note: str | None,
) -> None:
    await connection.execute(*_SQL["write_active_version"](subject_id=subject.subject_id, version=version))
    await connection.execute(
        *_SQL["insert_activation"](
            subject_id=subject.subject_id,
            version=version,
            previous_version=subject.active_version,
            percent=100 if stage is None else stage.percent,
            activated_by=by,
            note=note,
        )
    )


def _document(kind: Kind, subject: Subject, wanted: WholeVersion) -> PublishedDocument:
    version = wanted.version
    document = Document(kind.name, subject.name, version.version, version.digest.hex(), len(wanted.document))
    return PublishedDocument(subject.subject_id, document)


def _order(published: PublishedDocument) -> tuple[str, str]:
    return published.document.kind, published.document.name


def _position(pool: str, head: Head | None, decision: HeadDecision) -> PoolPosition:
    if isinstance(decision, Replace):
        return PoolPosition(pool, *decision.position)
    if head is None:
        raise InvariantBroken("a pool without a head gets one")
    return PoolPosition(pool, *head.position)


def _positions(outcome: object) -> dict[str, object]:
    if not isinstance(outcome, Activated | Paused):
        return {}
    return {"pools": {each.pool: [each.epoch, each.sequence] for each in outcome.pools}}
