"""The head of a pool, and the manifest that it offers to one node (SPEC §16.5)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from contracts.node.manifest import NOWHERE, Position
from contracts.node.poll import Poll


@dataclass(frozen=True, slots=True)
class Offer:
    """A manifest that a node should have. `digest` is None at the position (0, 0): there is nothing to have."""

    position: Position
    digest: str | None


NOTHING = Offer(NOWHERE, None)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest manifest of a pool. While it is staged, nodes outside the stage get the stable one.

    After a halt, only nodes that were offered a newest manifest of the stage get it. These have every second sequence,
    from `first_sequence` on; stable ones may lie between.
    """

    pool: str
    newest: Offer
    activated_at: datetime | None
    stable: Offer = NOTHING
    percent: int = 100
    halts: bool = False
    halted_at: datetime | None = None
    first_sequence: int | None = None

    @property
    def is_staged(self) -> bool:
        return self.percent < 100 or self.halts

    @property
    def first_of_stage(self) -> int:
        """The sequence of the first manifest of the stage. An older release did not note it."""
        return self.newest.position.sequence if self.first_sequence is None else self.first_sequence

    def has_offered(self, position: Position) -> bool:
        """Whether the newest manifest of the pool has this position, or had it earlier in the stage."""
        epoch, last = self.newest.position
        return position.epoch == epoch and position.sequence in range(last, self.first_of_stage - 1, -2)

    def offer_to(self, node_id: str, *, was_offered: bool) -> Offer:
        """The manifest for one node. `was_offered`: it knows the stage's; this matters after a halt only."""
        if not self.is_staged or self.activated_at is None:
            return self.newest
        if not is_in_stage(node_id, self.activated_at, self.percent):
            return self.stable
        return self.newest if self.halted_at is None or was_offered else self.stable


def no_head(pool: str) -> Head:
    """The head of a pool in which nothing was ever activated."""
    return Head(pool, NOTHING, None)


def is_in_stage(node_id: str, activated_at: datetime, percent: int) -> bool:
    """Whether a stage of `percent` includes the node. A wider stage of the same activation includes the same nodes.

    A manifest that is signed with other keys, or in a new epoch, has another sequence and the same time of activation.
    """
    hashed = hashlib.sha256(f"{node_id}/{activated_at.timestamp():.0f}".encode()).digest()
    return int.from_bytes(hashed[:8]) % 100 < percent


def is_news(offer: Offer, asked: Poll) -> bool:
    """Whether the node has not seen the offered manifest. It has seen one that it applied and one that it rejects."""
    return offer.digest is not None and offer.digest not in (asked.have, asked.rejected)
