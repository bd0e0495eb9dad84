"""The parts that both forms of a body share: faults, limits, and the attributes that the process sets."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from contracts.node.telemetry import INSTANCE_ID, NODE_ID, NODE_POOL

T = TypeVar("T")
Work: TypeAlias = Generator[None, None, T]
"""Work in slices of about a millisecond, with its result at the end. Between two slices others may run."""

MAX_PARTS = 8_192
"""Maximum number of fields in the levels that are read: resources, scopes, attributes. A node sends one resource."""


class BadData(Exception):
    """The body breaks its format. The message names the rule, and never quotes the body."""


class TooLarge(Exception):
    """The body is above a limit, which the message names."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The node that sent a body."""

    node_id: str
    pool: str

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes that each of its resources gets, instead of those of the same names in the body."""
        return {NODE_ID: self.node_id, NODE_POOL: self.pool, INSTANCE_ID: self.node_id}


class Parts:
    """Counts the parts of one body."""

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def count(self) -> None:
        """Count one part. Raises `TooLarge`."""
        self._left -= 1
        if self._left < 0:
            raise TooLarge(f"body has more than {MAX_PARTS} resources, scopes and attributes")
