"""Differences by path, and the fields that a change touches."""

from time import process_time
from typing import Any

import pytest

from contracts.control_plane.publication.answers import ABSENT
from services.internal_admin.publication.domain.diff import (
    MAX_FIELDS_KEPT,
    changed_fields,
    changed_since,
    differences,
    merged,
    with_revision,
)

CASES: list[Any] = [
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {"a": True}, [("a", 1, True)]),
    ({"a": 1}, {"a": 1.0}, [("a", 1, 1.0)]),
    ({"a": {"b": [1, 2]}}, {"a": {"b": [1]}}, [("a.b[1]", 2, ABSENT)]),
    ({"a": [{"m": "x"}]}, {"a": [{"m": "y"}, {}]}, [("a[0].m", "x", "y"), ("a[1]", ABSENT, {})]),
    ({"a": [1]}, {"a": {"b": 1}}, [("a", [1], {"b": 1})]),
    ({}, {"a": None}, [("a", ABSENT, None)]),
]


@pytest.mark.parametrize(("one", "other", "found"), CASES)
def test_a_difference_has_its_path_and_both_sides(one: Any, other: Any, found: list[Any]) -> None:
    assert [tuple(each) for each in differences(one, other)] == found


def test_equal_values_under_a_long_name_take_linear_time() -> None:
    draft = {"n" * 1_000_000: [1] * 64_000}
    began_at = process_time()
    assert list(differences(draft, draft)) == []
    assert process_time() - began_at < 1


def test_fields_of_the_top_level_are_merged_and_none_removes_one() -> None:
    draft = merged({"a": 1, "b": {"c": 1, "d": 2}}, {"a": None, "b": {"c": 2}})
    assert draft == {"b": {"c": 2}}
    assert changed_fields(["edge"], {"a": 1, "b": 1}, ["core"], {"b": True}) == ("draft.a", "draft.b", "pools")


def test_a_conflict_names_the_fields_since_a_revision_and_keeps_only_the_newest() -> None:
    revisions = with_revision({"pools": 1, "draft.mode": 3}, ["draft.routes"], 4)
    assert changed_since(revisions, 2) == ("draft.mode", "draft.routes")
    assert changed_since(revisions, 4) == ()
    many = with_revision(revisions, [f"draft.{number}" for number in range(600)], 5)
    assert len(many) == MAX_FIELDS_KEPT
