"""Drafts, versions and history of subjects. Every outcome of a change is audited in its transaction."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.publication.answers import Check
from contracts.control_plane.publication.requests import MAX_DRAFT_BYTES, Source
from contracts.encoding import encode
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.callers.trail import audit_subject_of_id, insert_operator_event
from services.internal_admin.publication.domain.checks import Judged, PoolFacts, check_pools, errors_of
from services.internal_admin.publication.domain.diff import (
    changed_fields,
    changed_since,
    comparable,
    merged,
    with_revision,
)
from services.internal_admin.publication.domain.subject import (
    MAX_SUBJECTS,
    Activation,
    AlreadyArchived,
    Archived,
    ArchiveOutcome,
    ArchiveSubject,
    Changed,
    ChangeOutcome,
    ChangeSubject,
    ChecksFailed,
    Command,
    Created,
    CreateOutcome,
    CreateSubject,
    Draft,
    DraftTooLarge,
    IsArchived,
    NameTaken,
    NotActive,
    Published,
    PublishOutcome,
    PublishSubject,
    RevertDraft,
    RevertOutcome,
    RevisionConflict,
    StillActive,
    Subject,
    SubjectNotFound,
    TooManySubjects,
    Unchanged,
    Version,
    VersionNotFound,
    WholeVersion,
)
from services.internal_admin.publication.store.kind import Kind
from shared.io import queries
from shared.kernel.faults import InvariantBroken

_SQL = queries.load("services.internal_admin.publication.store", "subjects.sql")


async def create_subject(connection: asyncpg.Connection, kind: Kind, command: CreateSubject) -> CreateOutcome:
    """Make a subject with a draft at revision 1."""
    async with connection.transaction():
        outcome = await _create(connection, kind, command)
        await audit(connection, kind.events.create, outcome.name, command, {})
        return outcome


async def change_subject(connection: asyncpg.Connection, kind: Kind, command: ChangeSubject) -> ChangeOutcome:
    """Change a draft, if it has the revision that the caller read. Equal values change nothing."""
    async with connection.transaction():
        subject = await lock_subject(connection, kind, command.subject_id)
        outcome = _refused(subject, command.expected_revision)
        if isinstance(outcome, Subject):
            pools = outcome.pools if command.pools is None else command.pools
            outcome = await _write_draft(connection, outcome, pools, merged(outcome.draft, command.draft))
        await audit(connection, kind.events.change, outcome.name, command, _revision(outcome))
        return outcome


async def revert_draft(connection: asyncpg.Connection, kind: Kind, command: RevertDraft) -> RevertOutcome:
    """Copy the pools and the draft of a version into the draft. Nothing is published."""
    async with connection.transaction():
        subject = await lock_subject(connection, kind, command.subject_id)
        outcome = _refused(subject, command.expected_revision)
        if isinstance(outcome, Subject):
            outcome = await _revert(connection, outcome, command.version)
        details = {"version": command.version, **_revision(outcome)}
        await audit(connection, kind.events.revert, outcome.name, command, details)
        return outcome


async def archive_subject(connection: asyncpg.Connection, kind: Kind, command: ArchiveSubject) -> ArchiveOutcome:
    """Archive a subject that is not active. Its name is free again; its versions and history stay."""
    async with connection.transaction():
        subject = await lock_subject(connection, kind, command.subject_id)
        outcome = await _archive(connection, kind, subject, command)
        await audit(connection, kind.events.archive, outcome.name, command, {})
        return outcome


async def publish_subject(connection: asyncpg.Connection, kind: Kind, command: PublishSubject) -> PublishOutcome:
    """Make a version of the draft that the caller reviewed. The same document for the same pools makes none."""
    async with connection.transaction():
        subject = await lock_subject(connection, kind, command.subject_id)
        outcome = _refused(subject, command.expected_revision)
        if isinstance(outcome, Subject):
            outcome = await _publish(connection, kind, outcome, command)
        version = outcome.version if isinstance(outcome, Published) else None
        await audit(connection, kind.events.publish, outcome.name, command, {"version": version})
        return outcome


async def read_subject(connection: asyncpg.Connection, kind: Kind, subject_id: str) -> Subject | None:
    """The subject of that id; None if there is none."""
    row = await connection.fetchrow(*_SQL["read_subject"](subject_id=subject_id, kind=kind.name))
    return None if row is None else subject_of(row)


async def find_subject(connection: asyncpg.Connection, kind: Kind, name: str) -> Subject | None:
    """The subject that has a name and is not archived; None if there is none."""
    row = await connection.fetchrow(*_SQL["find_subject"](kind=kind.name, name=name))
    return None if row is None else subject_of(row)


async def list_subjects(connection: asyncpg.Connection, kind: Kind, after: str | None, limit: int) -> Page[Subject]:
    """Subjects of the kind, newest first, archived ones too; only those `after` an id, at most `limit`."""
    rows = await connection.fetch(*_SQL["list_subjects"](kind=kind.name, after_subject_id=after, limit=limit + 1))
    return cut_page([subject_of(row) for row in rows], limit)


async def check_subject(connection: asyncpg.Connection, kind: Kind, subject_id: str) -> tuple[Check, ...] | None:
    """The errors and warnings of a draft; None if there is no such subject. Nothing changes."""
    subject = await read_subject(connection, kind, subject_id)
    return None if subject is None else (await _judged(connection, kind, subject)).checks


async def read_sides(
    connection: asyncpg.Connection, kind: Kind, subject_id: str, *sources: Source
) -> tuple[Mapping[str, object], ...] | SubjectNotFound | VersionNotFound | NotActive:
    """The sides of a diff, in one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        subject = await read_subject(connection, kind, subject_id)
        if subject is None:
            return SubjectNotFound()
        sides: list[Mapping[str, object]] = []
        for source in sources:
            side = await _side(connection, subject, source)
            if isinstance(side, NotActive | VersionNotFound):
                return side
            sides.append(side)
        return tuple(sides)


async def read_version(connection: asyncpg.Connection, subject_id: str, version: int) -> WholeVersion | None:
    """One version; None if the subject has none of that number."""
    row = await connection.fetchrow(*_SQL["read_version"](subject_id=subject_id, version=version))
    return None if row is None else WholeVersion(_version(row), json.loads(row["draft"]), row["document"])


async def find_version(
    connection: asyncpg.Connection, subject: Subject, source: int | Literal["active"]
) -> WholeVersion | NotActive | VersionNotFound:
    """A version by its number, or the active one."""
    number = subject.active_version if source == "active" else source
    if number is None:
        return NotActive()
    return await read_version(connection, subject.subject_id, number) or VersionNotFound()


async def list_versions(
    connection: asyncpg.Connection, kind: Kind, subject_id: str, before: int | None, limit: int
) -> Page[Version] | None:
    """Versions of a subject, newest first; only those `before` a number, at most `limit`. None without the subject."""
    if await read_subject(connection, kind, subject_id) is None:
        return None
    rows = await connection.fetch(*_SQL["list_versions"](subject_id=subject_id, before_version=before, limit=limit + 1))
    return cut_page([_version(row) for row in rows], limit)


async def list_activations(
    connection: asyncpg.Connection, kind: Kind, subject_id: str, before: int | None, limit: int
) -> Page[Activation] | None:
    """The history of a subject, newest first; only entries `before` an id, at most `limit`. None: no such subject."""
    if await read_subject(connection, kind, subject_id) is None:
        return None
    rows = await connection.fetch(
        *_SQL["list_activations"](subject_id=subject_id, before_activation_id=before, limit=limit + 1)
    )
    return cut_page([_activation(row) for row in rows], limit)


async def lock_subject(connection: asyncpg.Connection, kind: Kind, subject_id: str) -> Subject | None:
    """Lock a subject until the transaction ends, and return it; None if there is none."""
    row = await connection.fetchrow(*_SQL["lock_subject"](subject_id=subject_id, kind=kind.name))
    return None if row is None else subject_of(row)


async def read_pool_facts(
    connection: asyncpg.Connection, kind: Kind, subject_id: str, pools: tuple[str, ...]
) -> Mapping[str, PoolFacts]:
    """The facts about those pools that exist."""
    rows = await connection.fetch(*_SQL["read_pool_facts"](kind=kind.name, subject_id=subject_id, pools=list(pools)))
    return {row["pool"]: PoolFacts(row["has_active_node"], row["held_by"]) for row in rows}


async def audit(
    connection: asyncpg.Connection, event: EventName, outcome: str, command: Command, details: Mapping[str, object]
) -> None:
    """Append the row of a change of one subject. Details that are None are left out."""
    await insert_operator_event(
        connection,
        event,
        outcome,
        command.caller,
        actor=command.actor,
        subject=audit_subject_of_id(command.subject_id),
        reason_code=None,
        **details,
    )


def subject_of(row: asyncpg.Record) -> Subject:
    return Subject(
        subject_id=row["subject_id"],
        name=row["name"],
        pools=tuple(row["pools"]),
        draft=json.loads(row["draft"]),
        revision=row["revision"],
        field_revisions=json.loads(row["field_revisions"]),
        published_revision=row["published_revision"],
        last_version=row["last_version"],
        active_version=row["active_version"],
        paused_at=row["paused_at"],
        archived_at=row["archived_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _refused(
    subject: Subject | None, expected_revision: int
) -> Subject | SubjectNotFound | IsArchived | RevisionConflict:
    """The subject, if its draft may be changed or published by a caller who read that revision."""
    if subject is None:
        return SubjectNotFound()
    if subject.archived_at is not None:
        return IsArchived()
    if subject.revision != expected_revision:
        return RevisionConflict(subject.revision, changed_since(subject.field_revisions, expected_revision))
    return subject


async def _create(connection: asyncpg.Connection, kind: Kind, command: CreateSubject) -> CreateOutcome:
    await connection.execute(*_SQL["lock_names"](kind=kind.name))
    there = await connection.fetchrow(*_SQL["count_subjects"](kind=kind.name, name=command.name))
    if there is None or there["is_taken"]:
        return NameTaken()
    if there["number"] >= MAX_SUBJECTS:
        return TooManySubjects()
    fields = changed_fields((), {}, command.pools, command.draft)
    row = await connection.fetchrow(
        *_SQL["insert_subject"](
            subject_id=command.subject_id,
            kind=kind.name,
            name=command.name,
            pools=list(command.pools),
            draft=json.dumps(dict(command.draft)),
            field_revisions=json.dumps(with_revision({}, fields, 1)),
        )
    )
    return Created(_written(row))


async def _write_draft(
    connection: asyncpg.Connection, subject: Subject, pools: tuple[str, ...], draft: Draft
) -> Changed | Unchanged | DraftTooLarge:
    fields = changed_fields(subject.pools, subject.draft, pools, draft)
    if not fields:
        return Unchanged(subject)
    if len(encode(dict(draft))) > MAX_DRAFT_BYTES:
        return DraftTooLarge()
    row = await connection.fetchrow(
        *_SQL["write_draft"](
            subject_id=subject.subject_id,
            pools=list(pools),
            draft=json.dumps(dict(draft)),
            field_revisions=json.dumps(with_revision(subject.field_revisions, fields, subject.revision + 1)),
        )
    )
    return Changed(_written(row))


async def _revert(
    connection: asyncpg.Connection, subject: Subject, version: int
) -> Changed | Unchanged | DraftTooLarge | VersionNotFound:
    found = await read_version(connection, subject.subject_id, version)
    if found is None:
        return VersionNotFound()
    return await _write_draft(connection, subject, found.version.pools, found.draft)


async def _archive(
    connection: asyncpg.Connection, kind: Kind, subject: Subject | None, command: ArchiveSubject
) -> ArchiveOutcome:
    if subject is None:
        return SubjectNotFound()
    if subject.archived_at is not None:
        return AlreadyArchived()
    if subject.active_version is not None:
        return StillActive()
    await connection.execute(*_SQL["archive_subject"](subject_id=subject.subject_id))
    return Archived(await kind.when_archived(connection, subject, command))


async def _publish(
    connection: asyncpg.Connection, kind: Kind, subject: Subject, command: PublishSubject
) -> Published | ChecksFailed:
    judged = await _judged(connection, kind, subject)
    if errors_of(judged.checks):
        return ChecksFailed(judged.checks)
    digest, version = hashlib.sha256(judged.document).digest(), subject.last_version
    last = await read_version(connection, subject.subject_id, version) if version else None
    is_new = last is None or (last.version.digest, last.version.pools) != (digest, subject.pools)
    if is_new:
        version += 1
        await connection.execute(
            *_SQL["insert_version"](
                subject_id=subject.subject_id,
                version=version,
                revision=subject.revision,
                pools=list(subject.pools),
                draft=json.dumps(dict(subject.draft)),
                document=judged.document,
                digest=digest,
                note=command.note,
                created_by=command.caller.name,
            )
        )
    named = {"subject_id": subject.subject_id, "version": version}
    await connection.execute(*_SQL["insert_version_secrets"](**named, secret_ids=list(judged.secret_ids)))
    await connection.execute(*_SQL["write_published"](**named, revision=subject.revision))
    return Published(version, judged.checks, is_new)


async def _side(
    connection: asyncpg.Connection, subject: Subject, source: Source
) -> Mapping[str, object] | NotActive | VersionNotFound:
    if source == "draft":
        return comparable(subject.pools, subject.draft)
    found = await find_version(connection, subject, source)
    return comparable(found.version.pools, found.draft) if isinstance(found, WholeVersion) else found


async def _judged(connection: asyncpg.Connection, kind: Kind, subject: Subject) -> Judged:
    """The findings of the kind, with those about the pools added."""
    judged = await kind.judge(connection, subject)
    known = await read_pool_facts(connection, kind, subject.subject_id, subject.pools)
    return replace(judged, checks=(*judged.checks, *check_pools(subject.pools, known, is_alone=kind.is_alone)))


def _revision(outcome: object) -> dict[str, int]:
    return {"revision": outcome.subject.revision} if isinstance(outcome, Changed) else {}


def _written(row: asyncpg.Record | None) -> Subject:
    if row is None:
        raise InvariantBroken("a locked subject is there")
    return subject_of(row)


def _version(row: asyncpg.Record) -> Version:
    return Version(
        row["version"],
        row["revision"],
        tuple(row["pools"]),
        row["digest"],
        row["note"],
        row["created_by"],
        row["created_at"],
    )


def _activation(row: asyncpg.Record) -> Activation:
    return Activation(
        row["activation_id"],
        row["version"],
        row["previous_version"],
        row["percent"],
        row["activated_by"],
        row["activated_at"],
        row["note"],
    )
