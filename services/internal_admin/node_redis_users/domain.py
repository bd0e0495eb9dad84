"""Decisions: which users Redis lacks, which it has for no node, and which to set again."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from contracts.node.names import is_node_id


class Renewed(Enum):
    """How a request for a password ended."""

    MADE = auto()
    SUPERSEDED = auto()
    """A later request of the same node has set another password."""
    REVOKED = auto()


@dataclass(frozen=True, slots=True)
class Difference:
    """`missing`: nodes whose user Redis lacks. `strangers`: users of Redis with a node's name and no active node."""

    missing: tuple[str, ...]
    strangers: tuple[str, ...]


def username_of(node_id: str) -> str:
    """The name of the node's user."""
    return node_id


def difference(usernames: Iterable[str], node_ids: Collection[str]) -> Difference:
    """Compares the users that Redis has with the nodes that shall have one. Other users than nodes' are left alone."""
    present = {name for name in usernames if is_node_id(name)}
    wanted = {username_of(node_id) for node_id in node_ids}
    return Difference(tuple(sorted(wanted - present)), tuple(sorted(present - wanted)))


def next_in_turn(node_ids: Sequence[str], after: str, count: int) -> Sequence[str]:
    """Up to `count` of the sorted ids after `after`; from the first one on when the end is reached."""
    return node_ids[bisect_right(node_ids, after) :][:count] or node_ids[:count]


def outcome_of(renewal: bytes, current: bytes | None) -> Renewed:
    """How a renewal ended, if `current` is the hash that holds now; None: the node has no user any more."""
    if current is None:
        return Renewed.REVOKED
    return Renewed.MADE if current == renewal else Renewed.SUPERSEDED
