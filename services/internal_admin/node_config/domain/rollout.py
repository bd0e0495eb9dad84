"""The state of one node in the rollout of its pool's configuration (SPEC §16.5)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from contracts.control_plane.rollout import STATES, RolloutState
from contracts.node.manifest import NOWHERE, Position
from contracts.node.status import ConfigError
from services.internal_admin.node_config.domain.head import Head
from services.internal_admin.node_config.domain.status import NOT_APPLIED, NOT_REJECTED, Applied, Rejected

ANSWERS_WITHIN = timedelta(seconds=60)
"""A node that was offered a configuration is late after this time without an answer."""
GONE_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class NodeInPool:
    """The facts about an active node. `last_seen_at` is None until its first status or offer."""

    node_id: str
    node_name: str
    created_at: datetime
    last_seen_at: datetime | None = None
    offered: Position = NOWHERE
    offered_at: datetime | None = None
    applied: Applied = NOT_APPLIED
    rejected: Rejected = NOT_REJECTED
    error: ConfigError | None = field(default=None, repr=False)

    @property
    def seen_at(self) -> datetime:
        """A node that never spoke counts from its creation."""
        return self.last_seen_at or self.created_at


@dataclass(frozen=True, slots=True)
class NodeRollout:
    """A node's place in the rollout. `since` is when the state began. The error is that of the state."""

    node: NodeInPool
    state: RolloutState
    since: datetime
    error: ConfigError | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PoolReport:
    """The reports of a pool's nodes, added up. The lag is the largest of their 99th percentiles."""

    pool: str
    sessions_cached: int
    redis_lost: int
    revocation_lag: timedelta
    key_shared: int


def knows(node: NodeInPool, head: Head) -> bool:
    """Whether the node was offered a newest manifest of the stage, or told of it."""
    return any(head.has_offered(each) for each in (node.offered, node.applied.position, node.rejected.position))


def rollout_of(node: NodeInPool, head: Head, now: datetime) -> NodeRollout:
    """The state of one node. The order of the checks is part of the contract.

    A renewed manifest keeps its position, so positions are compared and not digests.
    """
    wanted = head.offer_to(node.node_id, was_offered=knows(node, head)).position
    if now - node.seen_at > GONE_AFTER:
        return NodeRollout(node, "gone", node.seen_at)
    if node.applied.position > head.newest.position:
        return NodeRollout(node, "ahead", node.applied.at or node.seen_at)
    if node.applied.position == wanted:
        return _applied(node)
    return _not_applied(node, wanted, head.activated_at, now)


def _applied(node: NodeInPool) -> NodeRollout:
    since = node.applied.at or node.created_at
    if node.applied.outcome == "degraded":
        return NodeRollout(node, "degraded", since, node.error)
    return NodeRollout(node, "synced", since)


def _not_applied(node: NodeInPool, wanted: Position, activated_at: datetime | None, now: datetime) -> NodeRollout:
    if node.rejected.position == wanted:
        return NodeRollout(node, "rejected", node.rejected.at or node.seen_at, node.error)
    if node.offered == wanted and node.offered_at is not None:
        is_late = now - node.offered_at >= ANSWERS_WITHIN
        return NodeRollout(node, "late" if is_late else "pending", node.offered_at)
    return NodeRollout(node, "not_sent", max(activated_at or node.created_at, node.created_at))


def count_states(nodes: Iterable[NodeRollout]) -> dict[RolloutState, int]:
    """The number of nodes in each state, zeros included."""
    counted = Counter(each.state for each in nodes)
    return {state: counted[state] for state in STATES}
