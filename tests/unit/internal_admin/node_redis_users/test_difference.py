"""Missing users of Redis, strangers among them, and turns."""

import pytest

from services.internal_admin.node_redis_users.domain import Difference, Renewed, difference, next_in_turn, outcome_of


def node(number: int) -> str:
    return f"node-{number:026d}"


def test_users_of_nodes_are_compared_and_all_others_left_alone() -> None:
    found = difference(["default", "internal", "node-exporter", node(2), node(3)], [node(1), node(2)])
    assert found == Difference((node(1),), (node(3),))


def test_every_node_has_its_turn() -> None:
    nodes = [node(number) for number in range(5)]
    turns = [next_in_turn(nodes, after, 2) for after in ("", node(1), node(3), node(4))]
    assert turns == [nodes[:2], nodes[2:4], nodes[4:], nodes[:2]]
    assert next_in_turn([], node(1), 2) == []


@pytest.mark.parametrize(
    ("current", "outcome"), [(b"mine", Renewed.MADE), (b"other", Renewed.SUPERSEDED), (None, Renewed.REVOKED)]
)
def test_a_renewal_is_made_only_if_its_password_holds(current: bytes | None, outcome: Renewed) -> None:
    assert outcome_of(b"mine", current) is outcome
