"""Differences of drafts and versions, and the fields that a change touches."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final, cast

from contracts.control_plane.publication.answers import ABSENT, Difference
from services.internal_admin.publication.domain.subject import Draft

MAX_FIELDS_KEPT: Final = 512


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal. Unlike `==` it tells `true` from 1 and 1 from 1.0."""
    if not _has_parts(one):
        return type(one) is type(other) and one == other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def comparable(pools: Sequence[str], draft: Draft) -> Mapping[str, object]:
    """A draft or a version in the form that is compared."""
    return {"pools": list(pools), "draft": dict(draft)}


def differences(one: object, other: object, steps: tuple[str, ...] = ()) -> Iterator[Difference]:
    """The changes that make `other` of `one`, by path, such as `draft.routes[0].match`.

    Only a difference gets its path as text: long names above many equal values would be copied for each of them.
    """
    parts = _parts(one, other)
    if parts is None:
        if one is ABSENT or other is ABSENT or not same(one, other):
            yield Difference("".join(steps).removeprefix("."), one, other)
        return
    for step, before, after in parts:
        if _has_parts(before) or not same(before, after):
            yield from differences(before, after, (*steps, step))


def _has_parts(value: object) -> bool:
    return isinstance(value, dict | list)


def _parts(one: object, other: object) -> list[tuple[str, object, object]] | None:
    """The values inside of two objects or two lists, by step. None if both are not alike."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        ones, others = cast("Mapping[str, object]", one), cast("Mapping[str, object]", other)
        return [(f".{name}", ones.get(name, ABSENT), others.get(name, ABSENT)) for name in sorted({*ones, *others})]
    if isinstance(one, list) and isinstance(other, list):
        first, second = cast("list[object]", one), cast("list[object]", other)
        both = zip_longest(first, second, fillvalue=ABSENT)
        return [(f"[{place}]", before, after) for place, (before, after) in enumerate(both)]
    return None


def changed_fields(pools: Sequence[str], draft: Draft, new_pools: Sequence[str], new_draft: Draft) -> tuple[str, ...]:
    """The names of the fields that differ, such as `pools` and `draft.mode`."""
    names = [
        f"draft.{name}"
        for name in sorted({*draft, *new_draft})
        if name not in draft or name not in new_draft or not same(draft[name], new_draft[name])
    ]
    return (*names, *(() if list(pools) == list(new_pools) else ("pools",)))


def merged(draft: Draft, patch: Draft) -> Draft:
    """The draft with the fields of the patch. A field that is None goes (RFC 7396, for the top level)."""
    return {name: value for name, value in {**draft, **patch}.items() if value is not None}


def with_revision(field_revisions: Mapping[str, int], fields: Sequence[str], revision: int) -> dict[str, int]:
    """The revision that last changed each field. Of more than 512 fields the newest are kept."""
    all_fields = {**field_revisions, **dict.fromkeys(fields, revision)}
    newest = sorted(all_fields.items(), key=lambda item: item[1], reverse=True)[:MAX_FIELDS_KEPT]
    return dict(newest)


def changed_since(field_revisions: Mapping[str, int], revision: int) -> tuple[str, ...]:
    """The fields that changed after a revision."""
    return tuple(sorted(name for name, changed_at in field_revisions.items() if changed_at > revision))
