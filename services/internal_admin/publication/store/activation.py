"""Activation and pause: pointer, history, signed manifests and audit row change in one transaction, or nothing does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from contracts.control_plane.publication.answers import Check, PoolPosition
from contracts.node.manifest import Document
from services.internal_admin.publication.domain.checks import check_pools, errors_of
from services.internal_admin.publication.domain.manifests import (
    Content,
    GoOn,
    Head,
    HeadDecision,
    Keep,
    PublishedDocument,
    Replace,
    Restage,
    Unfinished,
    decide_head,
    is_too_large,
)
from services.internal_admin.publication.domain.subject import (
    Activated,
    ActivateOutcome,
    ActivateVersion,
    ActivationConflict,
    ChecksFailed,
    IsArchived,
    ManifestTooLarge,
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
    read_stable_documents,
    write_both,
    write_head,
    write_stage,
)
from services.internal_admin.publication.store.kind import Kind
from services.internal_admin.publication.store.references import list_references, lock_secrets
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
    if not isinstance(change, _Change):
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
    if not isinstance(change, _Change):
        raise InvariantBroken("a pause adds nothing and has no stage")
    await change.write(connection, keys)
    await _write_active(connection, subject, None, None, command.caller.name, command.note)
    changes = await kind.when_paused(connection, subject, command)
    return Paused(change.positions, is_change=True, changes=changes)


@dataclass(frozen=True, slots=True)
class _Contents:
    """The contents of a pool. `stable` is for nodes outside of a stage of another subject; else it is the same."""

    newest: Content
    stable: Content


class _Change:
    """The changes of the heads of the touched pools, decided under their locks and not yet written."""

    def __init__(
        self,
        subject_id: str,
        contents: Mapping[str, _Contents],
        heads: Mapping[str, Head],
        decisions: Mapping[str, HeadDecision],
        now: datetime,
    ) -> None:
        self._subject_id, self._contents, self._heads, self._now = subject_id, contents, heads, now
        self._decisions = decisions
        self.positions = tuple(_position(pool, heads.get(pool), decision) for pool, decision in decisions.items())

    @property
    def is_change(self) -> bool:
        return not all(isinstance(decision, Keep) for decision in self._decisions.values())

    async def write(self, connection: asyncpg.Connection, keys: ConfigKeys) -> None:
        """Write the heads in the order of the pools' names."""
        for pool, decision in self._decisions.items():
            newest, stable = self._contents[pool].newest, self._contents[pool].stable
            if isinstance(decision, Replace):
                await write_head(connection, keys, pool, newest, decision, self._subject_id, self._now)
            elif isinstance(decision, GoOn):
                await write_both(connection, keys, self._heads[pool], newest, stable, decision, self._now)
            elif isinstance(decision, Restage):
                await write_stage(connection, pool, decision)


async def _change_of(
    connection: asyncpg.Connection,
    kind: Kind,
    keys: ConfigKeys,
    subject: Subject,
    wanted: WholeVersion | None,
    stage: Stage | None,
) -> _Change | PoolTaken | StageUnfinished | ManifestTooLarge | ChecksFailed:
    """Lock the pools of the version before, of the wanted one and of a stage, and decide what becomes of each.

    Which version is active or staged is decided under the subject's lock, which the caller holds.
    """
    new_pools = () if wanted is None else wanted.version.pools
    pools = sorted({*await _held_pools(connection, subject), *new_pools})
    number = None if wanted is None else wanted.version.version
    secrets = await lock_secrets(connection, pools, subject.subject_id, number)
    now, heads = await lock_heads(connection, pools)
    added = {} if wanted is None else dict.fromkeys(new_pools, _document(kind, subject, wanted))
    contents = await _contents(connection, kind, subject, pools, heads, added)
    if isinstance(contents, PoolTaken | StageUnfinished):
        return contents
    checks = _check_secrets(subject, secrets, [contents[pool] for pool in new_pools])
    if checks:
        return ChecksFailed(checks)
    decisions: dict[str, HeadDecision] = {}
    for pool in pools:
        digest = contents[pool].newest.digest(keys)
        decisions[pool] = decide_head(heads.get(pool), digest, subject.subject_id, stage, now)
        if isinstance(decisions[pool], Unfinished):
            return StageUnfinished(pool)
        if pool in new_pools and _is_too_large(keys, pool, contents[pool], decisions[pool], now):
            return ManifestTooLarge(pool)
    return _Change(subject.subject_id, contents, heads, decisions, now)


async def _contents(
    connection: asyncpg.Connection,
    kind: Kind,
    subject: Subject,
    pools: Sequence[str],
    heads: Mapping[str, Head],
    added: Mapping[str, PublishedDocument],
) -> dict[str, _Contents] | PoolTaken | StageUnfinished:
    """The contents of pools, with `added` as the only documents of the subject. The caller holds the pools' locks."""
    staged = [head for head in heads.values() if head.is_staged_by_other(subject.subject_id)]
    newest = await list_other_documents(connection, pools, subject.subject_id)
    stable = await read_stable_documents(connection, staged)
    for pool in added if kind.is_alone else ():
        for other in newest[pool]:
            if other.document.kind == kind.name:
                return PoolTaken(pool, other.document.name)
        if any(other.document.kind == kind.name for other in stable.get(pool, ())):
            return StageUnfinished(pool)
    sides = {pool: _ordered(newest[pool], added.get(pool)) for pool in pools}
    stable_sides = {
        head.pool: _ordered(
            [
                *(each for each in newest[head.pool] if each.subject_id != head.staged_subject_id),
                *stable.get(head.pool, ()),
            ],
            added.get(head.pool),
        )
        for head in staged
    }
    places = [*sides.items(), *stable_sides.items()]
    references = await list_references(
        connection,
        [(pool, [(each.subject_id, each.document.version) for each in documents]) for pool, documents in places],
    )
    contents = [Content(documents, found) for (_, documents), found in zip(places, references, strict=True)]
    stable_contents = dict(zip(stable_sides, contents[len(sides) :], strict=True))
    return {
        pool: _Contents(content, stable_contents.get(pool, content))
        for pool, content in zip(sides, contents[: len(sides)], strict=True)
    }


def _check_secrets(subject: Subject, names: Mapping[str, str], contents: Sequence[_Contents]) -> tuple[Check, ...]:
    """Errors about secrets that a version names and no node of its pools may open."""
    opened = {
        each.secret_id for of_pool in contents for each in of_pool.newest.secrets if each.reader == subject.subject_id
    }
    return tuple(
        Check("secrets", "error", f"the secret {name} is deleted, has no usable version, or is not granted any more")
        for secret_id, name in names.items()
        if secret_id not in opened
    )


def _is_too_large(keys: ConfigKeys, pool: str, contents: _Contents, decision: HeadDecision, now: datetime) -> bool:
    if not isinstance(decision, Replace | GoOn):
        return False
    return any(
        is_too_large(each.manifest(keys, pool, decision.position, now)) for each in (contents.newest, contents.stable)
    )


async def _held_pools(connection: asyncpg.Connection, subject: Subject) -> set[str]:
    """The pools that have a document of the subject, or shall lose it in a stage."""
    rows = await connection.fetch(*_SQL["list_staged_pools"](subject_id=subject.subject_id))
    return {*(row["pool"] for row in rows), *await _active_pools(connection, subject)}


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


def _ordered(documents: Sequence[PublishedDocument], added: PublishedDocument | None) -> tuple[PublishedDocument, ...]:
    every = documents if added is None else (*documents, added)
    return tuple(sorted(every, key=lambda each: (each.document.kind, each.document.name)))


def _position(pool: str, head: Head | None, decision: HeadDecision) -> PoolPosition:
    if isinstance(decision, Replace | GoOn):
        return PoolPosition(pool, *decision.position)
    if head is None:
        raise InvariantBroken("a pool without a head gets one")
    return PoolPosition(pool, *head.position)


def _positions(outcome: object) -> dict[str, object]:
    if not isinstance(outcome, Activated | Paused):
        return {}
    return {"pools": {each.pool: [each.epoch, each.sequence] for each in outcome.pools}}
