"""Answers about published configuration, which all kinds of subjects share (SPEC §16.4).

A kind has a noun, such as `gateway_config`: its id is in `gateway_config_id`, and one subject in `gateway_config`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias

from contracts.cursor import encode_position
from contracts.encoding import encode
from contracts.instant import encode_instant

Level: TypeAlias = Literal["error", "warning"]


class Absent(Enum):
    """Stands for a value that one side of a difference does not have."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


class PoolPosition(NamedTuple):
    """The position of a pool's configuration after a change."""

    pool: str
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Check:
    """A finding about a draft. An error forbids publishing; a warning does not. `field` is a path, if it has one."""

    name: str
    level: Level
    message: str
    field: str | None = None


class Difference(NamedTuple):
    """A value that differs. `path` is such as `draft.routes[0].match`; a side may be `ABSENT`."""

    path: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class SubjectAnswer:
    """A subject without its draft."""

    subject_id: str
    name: str
    pools: tuple[str, ...]
    state: str
    revision: int
    published_revision: int
    last_version: int
    active_version: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class VersionAnswer:
    """A version without its draft. `digest` is the SHA-256 of the document, in lower-case hex."""

    version: int
    revision: int
    pools: tuple[str, ...]
    digest: str
    note: str | None
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ActivationAnswer:
    """An entry of the history. `version` is None for a pause."""

    version: int | None
    previous_version: int | None
    percent: int
    note: str | None
    activated_by: str
    activated_at: datetime


def entity_tag(revision: int) -> bytes:
    """The value of `ETag` for a subject."""
    return b'"%d"' % revision


def encode_subject(noun: str, subject: SubjectAnswer, draft: Mapping[str, object], outcome: str | None = None) -> bytes:
    """One subject with its draft; with the outcome, if it answers a change."""
    answer: dict[str, object] = {} if outcome is None else {"outcome": outcome}
    return encode({**answer, noun: {**_subject(noun, subject), "draft": dict(draft)}})


def encode_subjects(noun: str, subjects: Sequence[SubjectAnswer], next_after: str | None) -> bytes:
    """A page of subjects without their drafts."""
    return _page(f"{noun}s", [_subject(noun, subject) for subject in subjects], next_after)


def encode_outcome(noun: str, outcome: str, subject_id: str) -> bytes:
    """The answer of a removal."""
    return encode({"outcome": outcome, f"{noun}_id": subject_id})


def encode_checks(checks: Sequence[Check]) -> bytes:
    """The answer of `check`."""
    return encode({"checks": [_check(check) for check in checks]})


def encode_published(outcome: str, version: int, warnings: Sequence[Check]) -> bytes:
    """The answer of `publish`."""
    return encode({"outcome": outcome, "version": version, "checks": [_check(check) for check in warnings]})


def encode_activated(outcome: str, version: int | None, pools: Sequence[PoolPosition]) -> bytes:
    """The answer of `activate`, and of `pause` without a version. `sequence` is the highest of the pools, or 0."""
    answer: dict[str, object] = {"outcome": outcome}
    if version is not None:
        answer["version"] = version
    answer["sequence"] = max((each.sequence for each in pools), default=0)
    answer["pools"] = [{"pool": each.pool, "epoch": each.epoch, "sequence": each.sequence} for each in pools]
    return encode(answer)


def encode_versions(versions: Sequence[VersionAnswer], next_after: str | None) -> bytes:
    """A page of versions, newest first."""
    return _page("versions", [_version(version) for version in versions], next_after)


def encode_version(version: VersionAnswer, draft: Mapping[str, object]) -> bytes:
    """One version with the draft that it was made of."""
    return encode({"version": {**_version(version), "draft": dict(draft)}})


def encode_activations(activations: Sequence[ActivationAnswer], next_after: str | None) -> bytes:
    """A page of the history, newest first."""
    return _page("activations", [_activation(each) for each in activations], next_after)


def encode_diff(differences: Sequence[Difference]) -> bytes:
    """The answer of `diff`. A side that does not have the value lacks the name."""
    return encode({"differences": [_difference(each) for each in differences]})


def _page(name: str, items: list[dict[str, object]], next_after: str | None) -> bytes:
    more = {} if next_after is None else {"next_cursor": encode_position(next_after)}
    return encode({name: items, **more})


def _subject(noun: str, subject: SubjectAnswer) -> dict[str, object]:
    shown: dict[str, object] = {
        f"{noun}_id": subject.subject_id,
        "name": subject.name,
        "pools": list(subject.pools),
        "state": subject.state,
        "revision": subject.revision,
        "published_revision": subject.published_revision,
        "last_version": subject.last_version,
        "created_at": encode_instant(subject.created_at),
        "updated_at": encode_instant(subject.updated_at),
    }
    return shown if subject.active_version is None else {**shown, "active_version": subject.active_version}


def _version(version: VersionAnswer) -> dict[str, object]:
    shown: dict[str, object] = {
        "version": version.version,
        "revision": version.revision,
        "pools": list(version.pools),
        "digest": version.digest,
        "created_by": version.created_by,
        "created_at": encode_instant(version.created_at),
    }
    return shown if version.note is None else {**shown, "note": version.note}


def _activation(activation: ActivationAnswer) -> dict[str, object]:
    optional = {
        "version": activation.version, "previous_version": activation.previous_version, "note": activation.note,
    }  # fmt: skip
    return {
        **{name: value for name, value in optional.items() if value is not None},
        "percent": activation.percent,
        "activated_by": activation.activated_by,
        "activated_at": encode_instant(activation.activated_at),
    }


def _check(check: Check) -> dict[str, object]:
    shown: dict[str, object] = {"name": check.name, "level": check.level, "message": check.message}
    return shown if check.field is None else {**shown, "field": check.field}


def _difference(difference: Difference) -> dict[str, object]:
    sides = {"from": difference.before, "to": difference.after}
    return {"path": difference.path, **{name: value for name, value in sides.items() if value is not ABSENT}}
