"""The pace of each node: a bucket of bytes in memory, which fills evenly."""

from collections import OrderedDict
from datetime import timedelta

from contracts.node.telemetry import BYTES_PER_SECOND, MAX_BODY_BYTES

MAX_NODES = 20_000
"""Maximum number of nodes that are remembered, twice the number that an installation may have."""


class NodePace:
    """A node may send while it owes no bytes. Its credit grows to at most one body of the largest size.

    The size of a body is known only after decompression. So a body is charged afterwards, and may leave a debt.
    """

    def __init__(self, most_nodes: int = MAX_NODES) -> None:
        self._most_nodes = most_nodes
        self._free_from: OrderedDict[str, float] = OrderedDict()
        """By node, the time in seconds at which its credit is zero. Before that time it is in debt."""

    def wait(self, node_id: str, now: float) -> timedelta | None:
        """The time until the node may send again; None if it may now."""
        left = self._free_from.get(node_id, now) - now
        return timedelta(seconds=left) if left > 0 else None

    def charge(self, node_id: str, size: int, now: float) -> None:
        """Take the bytes of a body from the node's credit."""
        full_credit = now - MAX_BODY_BYTES / BYTES_PER_SECOND
        zero_at = max(self._free_from.get(node_id, full_credit), full_credit)
        self._free_from[node_id] = zero_at + size / BYTES_PER_SECOND
        self._free_from.move_to_end(node_id)
        if len(self._free_from) > self._most_nodes:
            self._free_from.popitem(last=False)

    def __len__(self) -> int:
        return len(self._free_from)
