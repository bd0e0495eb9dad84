"""Requests and answers of published configuration, which all kinds of subjects share (SPEC §16.4).

A kind has a noun, such as `gateway_config`: its id is in `gateway_config_id`, and one subject in `gateway_config`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from contracts.cursor import encode_position, invalid_cursor, read_position
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.node.names import is_name, read_name
from contracts.strict_json import (
    Fields,
    decode_object,
    invalid,
    known_fields,
    read_object,
    read_optional_text,
    read_text,
    read_whole_number,
    trimmed,
)
from contracts.strict_query import decode_query, read_limit

Level: TypeAlias = Literal["error", "warning"]
Source: TypeAlias = Literal["active", "draft"] | int
"""A side of a diff: the active version, the draft, or a version."""

MAX_DRAFT_BYTES: Final = 256 * 1024
MAX_POOLS: Final = 100
MAX_NOTE_LENGTH: Final = 500
DEFAULT_LIMIT: Final = 100
MAX_VERSION: Final = 2**31 - 1

_MAX_DEPTH = 16
_SMALLEST, _LARGEST = 1e-15, 1e15
"""The sizes of numbers with a fraction or an exponent. Postgres spells them out: 1e308 becomes 309 digits."""
_CREATE_NAMES = frozenset({"name", "pools", "draft"})
_CHANGE_NAMES = frozenset({"expected_revision", "pools", "draft"})
_PUBLISH_NAMES = frozenset({"expected_revision", "note"})
_ACTIVATE_NAMES = frozenset({"version", "expected_active_version", "stage", "note"})
_STAGE_NAMES = frozenset({"percent", "halt_on_rejected"})
_REVERT_NAMES = frozenset({"version", "expected_revision"})
_PAUSE_NAMES = frozenset({"note"})
_PAGE_NAMES = frozenset({"limit", "cursor"})
_DIFF_NAMES = frozenset({"from", "to"})
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_ENTITY_TAG = re.compile(r'"([1-9][0-9]{0,17})"', re.ASCII)


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
class CreateRequest:
    """`pools` are sorted. A field of `draft` may hold any JSON value; the checks of the kind judge it."""

    name: str
    pools: tuple[str, ...]
    draft: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """`pools` is None if they stay. A field of `draft` that is None goes. `expected_revision` may be in `If-Match`."""

    expected_revision: int | None
    pools: tuple[str, ...] | None
    draft: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PublishRequest:
    expected_revision: int | None
    note: str | None


@dataclass(frozen=True, slots=True)
class StageRequest:
    percent: int
    halt_on_rejected: bool


@dataclass(frozen=True, slots=True)
class ActivateRequest:
    """`expected_active_version` is None if the caller read that none is active."""

    version: int
    expected_active_version: int | None
    stage: StageRequest | None
    note: str | None


@dataclass(frozen=True, slots=True)
class RevertRequest:
    version: int
    expected_revision: int | None


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


def decode_create(body: bytes) -> CreateRequest:
    """The body of a creation. Raises `Refusal(INVALID_REQUEST)` and nothing else, as every decoder here."""
    fields = known_fields(decode_object(body), _CREATE_NAMES)
    draft = _read_draft(fields)
    return CreateRequest(
        read_name(fields, "name"),
        _read_pools(fields) or (),
        {name: value for name, value in draft.items() if value is not None},
    )


def decode_change(body: bytes) -> ChangeRequest:
    """The body of a `PATCH`."""
    fields = known_fields(decode_object(body), _CHANGE_NAMES)
    pools, draft = _read_pools(fields), _read_draft(fields)
    return ChangeRequest(_read_revision(fields), pools, draft)


def decode_publish(body: bytes) -> PublishRequest:
    """The body of `publish`."""
    fields = known_fields(decode_object(body), _PUBLISH_NAMES)
    return PublishRequest(_read_revision(fields), _read_note(fields))


def decode_activate(body: bytes) -> ActivateRequest:
    """The body of `activate`. Without `expected_active_version` the caller expects that none is active."""
    fields = known_fields(decode_object(body), _ACTIVATE_NAMES)
    name = "expected_active_version"
    expected = read_whole_number(fields, name, 1, MAX_VERSION) if name in fields else None
    version = read_whole_number(fields, "version", 1, MAX_VERSION)
    return ActivateRequest(version, expected, _read_stage(fields), _read_note(fields))


def decode_pause(body: bytes) -> str | None:
    """The note in the body of `pause`."""
    return _read_note(known_fields(decode_object(body), _PAUSE_NAMES))


def decode_revert(body: bytes) -> RevertRequest:
    """The body of `revert`."""
    fields = known_fields(decode_object(body), _REVERT_NAMES)
    return RevertRequest(read_whole_number(fields, "version", 1, MAX_VERSION), _read_revision(fields))


def expected_revision(in_body: int | None, if_match: str | None) -> int:
    """The revision that the caller read, from `expected_revision` or `If-Match` (RFC 9110 §13.1.1)."""
    if if_match is None:
        if in_body is None:
            raise invalid("expected_revision or If-Match is required")
        return in_body
    tag = _ENTITY_TAG.fullmatch(if_match)
    if tag is None:
        raise invalid('If-Match must be one entity tag such as "7"')
    if in_body not in (None, int(tag[1])):
        raise invalid("expected_revision and If-Match differ")
    return int(tag[1])


def entity_tag(revision: int) -> bytes:
    """The value of `ETag` for a subject."""
    return b'"%d"' % revision


class PageQuery(NamedTuple):
    """Asks for a page of at most `limit` rows after a position."""

    limit: int
    after: str | None


def decode_page(query: str) -> PageQuery:
    """The query of a list."""
    parameters = decode_query(query, _PAGE_NAMES)
    return PageQuery(read_limit(parameters) or DEFAULT_LIMIT, read_position(parameters))


def number_after(after: str | None) -> int | None:
    """The number that a cursor holds. Raises `Refusal(INVALID_REQUEST)` for another cursor."""
    if after is not None and not _NUMBER.fullmatch(after):
        raise invalid_cursor()
    return None if after is None else int(after)


def decode_diff(query: str) -> tuple[Source, Source]:
    """The query of `diff`: what changes, and into what."""
    parameters = decode_query(query, _DIFF_NAMES)
    return read_source(parameters, "from"), read_source(parameters, "to")


def read_source(parameters: Fields, name: str) -> Source:
    """The draft, the active version or a version, which a parameter names."""
    text = read_text(parameters, name)
    if text in ("active", "draft"):
        return text
    number = version_number(text)
    if number is None:
        raise invalid(f"{name} must be active, draft or the number of a version")
    return number


def version_number(text: str) -> int | None:
    """The version that a path or a query names; None for a text that names none."""
    number = int(text) if _NUMBER.fullmatch(text) else 0
    return number if 0 < number <= MAX_VERSION else None


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


def _read_draft(fields: Fields) -> Mapping[str, object]:
    if "draft" not in fields:
        return {}
    draft = read_object(fields, "draft")
    _check_value(draft, "draft", _MAX_DEPTH)
    return draft


def _check_value(value: object, path: str, depth: int) -> None:
    """Refuses texts that Postgres rejects, numbers that would grow, and values nested deeper than any draft."""
    if depth == 0:
        raise invalid("draft is nested too deep")
    if isinstance(value, str):
        trimmed(value, path)
    elif isinstance(value, float):
        if value and not _SMALLEST <= abs(value) <= _LARGEST:
            raise invalid("a number in draft with a fraction or an exponent must be 0, or from 1e-15 to 1e15 in size")
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            _check_value(item, path, depth - 1)
    elif isinstance(value, dict):
        for name, item in cast("Fields", value).items():
            trimmed(name, f"a name in {path}")
            _check_value(item, path, depth - 1)


def _read_pools(fields: Fields) -> tuple[str, ...] | None:
    if "pools" not in fields:
        return None
    pools = fields["pools"]
    if not isinstance(pools, list) or len(cast("list[object]", pools)) > MAX_POOLS:
        raise invalid(f"pools must be a list of at most {MAX_POOLS} pools")
    names = [trimmed(pool, "pools") for pool in cast("list[object]", pools)]
    if not all(map(is_name, names)):
        raise invalid("pools must hold names of 1 to 63 of a-z, 0-9 and -, without - at their ends")
    if len(set(names)) != len(names):
        raise invalid("pools must not repeat")
    return tuple(sorted(names))


def _read_stage(fields: Fields) -> StageRequest | None:
    if "stage" not in fields:
        return None
    stage = known_fields(read_object(fields, "stage"), _STAGE_NAMES, within="stage.")
    halts = stage.get("halt_on_rejected", False)
    if not isinstance(halts, bool):
        raise invalid("stage.halt_on_rejected must be true or false")
    return StageRequest(read_whole_number(stage, "percent", 1, 100, within="stage."), halts)


def _read_revision(fields: Fields) -> int | None:
    return read_whole_number(fields, "expected_revision", 1, 2**53 - 1) if "expected_revision" in fields else None


def _read_note(fields: Fields) -> str | None:
    note = read_optional_text(fields, "note")
    if note is not None and len(note) > MAX_NOTE_LENGTH:
        raise invalid(f"note must have at most {MAX_NOTE_LENGTH} characters")
    return note or None
