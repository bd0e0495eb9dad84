"""The port by which a changed head reaches the nodes that wait for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Wake(Protocol):
    """Wakes all that wait for a change of a head. A needless wake does no harm, and a missed one only costs time."""

    def notify(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Several:
    """Wakes each of these."""

    wakes: Sequence[Wake]

    def notify(self) -> None:
        for wake in self.wakes:
            wake.notify()
