"""Subjects, the commands about them, and how each command ends (SPEC §16.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final, Literal, Protocol, TypeAlias

from contracts.control_plane.publication.answers import Check, PoolPosition
from services.internal_admin.callers.identity import Caller
from services.internal_admin.changes.domain import NoSessionChanged
from shared.kernel.actor import Actor
from shared.kernel.projection_change import ProjectionChange

MAX_SUBJECTS: Final = 1000
"""Subjects of a kind that are not archived."""

Draft = Mapping[str, object]
"""The fields of a draft. Their values may have any JSON type until the checks of the kind look at them."""

State: TypeAlias = Literal["draft_only", "published", "active", "paused", "archived"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A row of `subjects`. `field_revisions` names the revision that last changed each field."""

    subject_id: str
    name: str
    pools: tuple[str, ...]
    draft: Draft = field(repr=False)
    revision: int
    field_revisions: dict[str, int] = field(repr=False)
    published_revision: int
    last_version: int
    active_version: int | None
    paused_at: datetime | None
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def state(self) -> State:
        if self.archived_at is not None:
            return "archived"
        if self.active_version is not None:
            return "active"
        if self.paused_at is not None:
            return "paused"
        return "published" if self.last_version else "draft_only"


@dataclass(frozen=True, slots=True)
class Version:
    """A version without its document."""

    version: int
    revision: int
    pools: tuple[str, ...]
    digest: bytes
    note: str | None
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WholeVersion:
    """A version with the draft that it was made of and the document that nodes get."""

    version: Version
    draft: Draft = field(repr=False)
    document: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Activation:
    """A row of the history. `version` is None for a pause; `previous_version` was active before."""

    activation_id: int
    version: int | None
    previous_version: int | None
    percent: int
    activated_by: str
    activated_at: datetime
    note: str | None


@dataclass(frozen=True, slots=True)
class Stage:
    """Nodes outside of `percent` wait. `halts`: the first rejection stops the stage."""

    percent: int
    halts: bool


class Command(Protocol):
    """A command about one subject. Only the command line names an actor: the person at the terminal."""

    @property
    def subject_id(self) -> str: ...
    @property
    def caller(self) -> Caller: ...
    @property
    def actor(self) -> Actor | None: ...


@dataclass(frozen=True, slots=True)
class CreateSubject:
    subject_id: str
    name: str
    pools: tuple[str, ...]
    draft: Draft = field(repr=False)
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class ChangeSubject:
    """`pools` is None if they stay. A field of `draft` replaces the one of that name; None removes it."""

    subject_id: str
    expected_revision: int
    pools: tuple[str, ...] | None
    draft: Draft = field(repr=False)
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class ArchiveSubject:
    subject_id: str
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class PublishSubject:
    subject_id: str
    expected_revision: int
    note: str | None
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class ActivateVersion:
    subject_id: str
    version: int
    expected_active_version: int | None
    stage: Stage | None
    note: str | None
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class PauseSubject:
    subject_id: str
    note: str | None
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class RevertDraft:
    subject_id: str
    version: int
    expected_revision: int
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class SubjectNotFound(NoSessionChanged):
    name: ClassVar[str] = "not_found"


@dataclass(frozen=True, slots=True)
class IsArchived(NoSessionChanged):
    """An archived subject can be read and nothing else."""

    name: ClassVar[str] = "is_archived"


@dataclass(frozen=True, slots=True)
class RevisionConflict(NoSessionChanged):
    """`fields` changed after the revision that the caller read."""

    revision: int
    fields: tuple[str, ...]
    name: ClassVar[str] = "revision_conflict"


@dataclass(frozen=True, slots=True)
class VersionNotFound(NoSessionChanged):
    name: ClassVar[str] = "version_not_found"


@dataclass(frozen=True, slots=True)
class ChecksFailed(NoSessionChanged):
    checks: tuple[Check, ...]
    name: ClassVar[str] = "checks_failed"


@dataclass(frozen=True, slots=True)
class Created(NoSessionChanged):
    subject: Subject
    name: ClassVar[str] = "created"


@dataclass(frozen=True, slots=True)
class NameTaken(NoSessionChanged):
    name: ClassVar[str] = "name_taken"


@dataclass(frozen=True, slots=True)
class TooManySubjects(NoSessionChanged):
    name: ClassVar[str] = "limit_reached"


@dataclass(frozen=True, slots=True)
class Changed(NoSessionChanged):
    subject: Subject
    name: ClassVar[str] = "changed"


@dataclass(frozen=True, slots=True)
class Unchanged(NoSessionChanged):
    subject: Subject
    name: ClassVar[str] = "unchanged"


@dataclass(frozen=True, slots=True)
class DraftTooLarge(NoSessionChanged):
    name: ClassVar[str] = "draft_too_large"


@dataclass(frozen=True, slots=True)
class Archived:
    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "archived"


@dataclass(frozen=True, slots=True)
class AlreadyArchived(NoSessionChanged):
    name: ClassVar[str] = "already_archived"


@dataclass(frozen=True, slots=True)
class StillActive(NoSessionChanged):
    name: ClassVar[str] = "still_active"


@dataclass(frozen=True, slots=True)
class Published(NoSessionChanged):
    """`is_new` is false where the last version has the same document and pools."""

    version: int
    warnings: tuple[Check, ...]
    is_new: bool

    @property
    def name(self) -> str:
        return "published" if self.is_new else "unchanged"


@dataclass(frozen=True, slots=True)
class Activated(NoSessionChanged):
    """`is_change` is false where the version was active before, for as many nodes."""

    version: int
    pools: tuple[PoolPosition, ...]
    is_change: bool

    @property
    def name(self) -> str:
        return "activated" if self.is_change else "already_active"


@dataclass(frozen=True, slots=True)
class ActivationConflict(NoSessionChanged):
    active_version: int | None
    name: ClassVar[str] = "activation_conflict"


@dataclass(frozen=True, slots=True)
class PoolTaken(NoSessionChanged):
    pool: str
    holder: str
    name: ClassVar[str] = "pool_taken"


@dataclass(frozen=True, slots=True)
class StageUnfinished(NoSessionChanged):
    pool: str
    name: ClassVar[str] = "stage_unfinished"


@dataclass(frozen=True, slots=True)
class ManifestTooLarge(NoSessionChanged):
    pool: str
    name: ClassVar[str] = "manifest_too_large"


@dataclass(frozen=True, slots=True)
class Paused:
    """`is_change` is false where the subject was paused before; then no pool was touched."""

    pools: tuple[PoolPosition, ...]
    is_change: bool
    changes: tuple[ProjectionChange, ...] = ()

    @property
    def name(self) -> str:
        return "paused" if self.is_change else "already_paused"


@dataclass(frozen=True, slots=True)
class NotActive(NoSessionChanged):
    name: ClassVar[str] = "not_active"


CreateOutcome: TypeAlias = Created | NameTaken | TooManySubjects
ChangeOutcome: TypeAlias = Changed | Unchanged | DraftTooLarge | RevisionConflict | IsArchived | SubjectNotFound
RevertOutcome: TypeAlias = ChangeOutcome | VersionNotFound
ArchiveOutcome: TypeAlias = Archived | AlreadyArchived | StillActive | SubjectNotFound
PublishOutcome: TypeAlias = Published | ChecksFailed | RevisionConflict | IsArchived | SubjectNotFound
ActivateOutcome: TypeAlias = (
    Activated | ActivationConflict | VersionNotFound | PoolTaken | StageUnfinished | ManifestTooLarge | ChecksFailed
    | IsArchived | SubjectNotFound
)  # fmt: skip
PauseOutcome: TypeAlias = Paused | NotActive | SubjectNotFound
