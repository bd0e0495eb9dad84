"""The refusals of published configuration. A message names fields, pools and numbers, never a value of a draft."""

from collections.abc import Mapping, Sequence

from contracts.control_plane.publication.answers import Check
from contracts.control_plane.publication.requests import MAX_DRAFT_BYTES
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.publication.domain.subject import (
    MAX_SUBJECTS,
    ActivationConflict,
    ChecksFailed,
    DraftTooLarge,
    IsArchived,
    ManifestTooLarge,
    NameTaken,
    NotActive,
    PoolTaken,
    RevisionConflict,
    StageUnfinished,
    StillActive,
    SubjectNotFound,
    TooManySubjects,
    VersionNotFound,
)
from services.internal_admin.publication.store.kind import Kind
from shared.kernel.faults import InvariantBroken

MAX_NAMED = 10
"""The most fields or checks that a message names."""

_CONSTANT: Mapping[type, tuple[ErrorCode, str | None]] = {
    VersionNotFound: (ErrorCode.VERSION_NOT_FOUND, None),
    NameTaken: (ErrorCode.NAME_TAKEN, None),
    TooManySubjects: (ErrorCode.LIMIT_REACHED, f"at most {MAX_SUBJECTS} are kept that are not archived; archive one"),
    DraftTooLarge: (ErrorCode.INVALID_REQUEST, f"draft must have at most {MAX_DRAFT_BYTES} bytes"),
    IsArchived: (ErrorCode.NOT_ACTIVE, "archived, so nothing about it can change"),
    NotActive: (ErrorCode.NOT_ACTIVE, None),
    StillActive: (ErrorCode.ACTIVATION_CONFLICT, "a version is active; pause it first"),
}


def refusal(kind: Kind, outcome: object) -> Refusal:
    """The refusal of an outcome that is no success."""
    if type(outcome) in _CONSTANT:
        return Refusal(*_CONSTANT[type(outcome)])
    return Refusal(kind.not_found) if isinstance(outcome, SubjectNotFound) else Refusal(*_exact(outcome))


def _exact(outcome: object) -> tuple[ErrorCode, str]:
    """Code and message of an outcome with facts."""
    match outcome:
        case RevisionConflict(revision, fields):
            return ErrorCode.REVISION_CONFLICT, _conflict(revision, fields)
        case ActivationConflict(version):
            active = "no version is active" if version is None else f"version {version} is active"
            return ErrorCode.ACTIVATION_CONFLICT, active
        case ChecksFailed(checks):
            return ErrorCode.CHECKS_FAILED, _errors(checks)
        case PoolTaken(pool, holder):
            return ErrorCode.POOL_TAKEN, f"{holder} is active in the pool {pool}; pause it first"
        case StageUnfinished(pool):
            return ErrorCode.STAGE_UNFINISHED, f"a stage is unfinished in the pool {pool}; complete it first"
        case ManifestTooLarge(pool):
            return ErrorCode.MANIFEST_TOO_LARGE, f"the manifest of the pool {pool} would be too large"
        case _:
            raise InvariantBroken("every outcome has an answer")


def _conflict(revision: int, fields: Sequence[str]) -> str:
    """Names the fields that changed since the caller read the draft. Their names are texts of clients."""
    plain = [each for each in fields if each.isascii() and each.isprintable() and len(each) <= 70][:MAX_NAMED]
    if not plain:
        return f"the draft has revision {revision}"
    more = ", and more" if len(plain) < len(fields) else ""
    return f"the draft has revision {revision}; changed since: {', '.join(plain)}{more}"


def _errors(checks: Sequence[Check]) -> str:
    return "; ".join([f"{each.name}: {each.message}" for each in checks if each.level == "error"][:MAX_NAMED])
