"""Requests about published configuration, which all kinds of subjects share (SPEC §16.4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from contracts.cursor import invalid_cursor, read_position
from contracts.node.names import is_name, read_name
from contracts.strict_json import (
    Fields,
    decode_object,
    invalid,
    known_fields,
    read_flag,
    read_object,
    read_optional_text,
    read_text,
    read_whole_number,
    trimmed,
)
from contracts.strict_query import decode_query, read_limit

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
    halts = read_flag(stage, "halt_on_rejected", within="stage.")
    return StageRequest(read_whole_number(stage, "percent", 1, 100, within="stage."), halts)


def _read_revision(fields: Fields) -> int | None:
    return read_whole_number(fields, "expected_revision", 1, 2**53 - 1) if "expected_revision" in fields else None


def _read_note(fields: Fields) -> str | None:
    note = read_optional_text(fields, "note")
    if note is not None and len(note) > MAX_NOTE_LENGTH:
        raise invalid(f"note must have at most {MAX_NOTE_LENGTH} characters")
    return note or None
