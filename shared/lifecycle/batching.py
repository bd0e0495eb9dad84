"""Batching: requests that arrive while a unit of work runs share the next one of their kind."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Any, Generic, TypeVar

import trio

from shared.kernel.faults import DependencyUnavailable
from shared.telemetry.tracing import Span, current_span, on_behalf_of

ItemT = TypeVar("ItemT")
OutcomeT = TypeVar("OutcomeT")

MAX_BATCH = 32
"""Maximum number of items in a batch. Such a batch takes Postgres some milliseconds."""
PATIENCE = timedelta(milliseconds=50)
"""The next batch waits at most this long for the one before, which may hang on a slow server."""

_log = logging.getLogger("authsession.lifecycle.batching")


class DecidedAgain(Enum):
    """The result of an attempt whose guarded write failed: rows had changed since its decision read them."""

    NEEDED = auto()


@dataclass(slots=True, eq=False)
class _Place(Generic[ItemT, OutcomeT]):
    """A waiting request. Another request's batch handles its item, or its turn comes to run the next batch."""

    kind: "Gathering[ItemT, OutcomeT]"
    item: ItemT
    span: Span | None = field(default_factory=current_span)
    woken: trio.Event = field(default_factory=trio.Event)
    is_taken: bool = False
    outcome: OutcomeT | DecidedAgain = DecidedAgain.NEEDED
    unavailable: str | None = None

    def take(self) -> None:
        """Put the item into a batch. If its own turn was announced already, another request was faster: wait again."""
        self.is_taken = True
        if self.woken.is_set():
            self.woken = trio.Event()


class Turn:
    """The time in which a batch uses the database. The next batch waits for its end."""

    __slots__ = ("_has_ended", "_turns")

    def __init__(self, turns: "Turns") -> None:
        self._turns = turns
        self._has_ended = False
        turns.under_way += 1

    def end(self) -> None:
        """Let the next batch begin, although this one may still work. A repeat does nothing."""
        if not self._has_ended:
            self._has_ended = True
            self._turns.under_way -= 1
            self._turns.wake_next()


class Turns:
    """The order of batches of several kinds, one after the other. In parallel they would be more and smaller.

    The item that has waited longest goes next, with all items of its kind.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self._waiting: list[_Place[Any, Any]] = []

    def join(self, place: _Place[Any, Any]) -> None:
        self._waiting.append(place)

    def leave(self, place: _Place[Any, Any]) -> None:
        self._waiting.remove(place)
        self.wake_next()

    def batch_of(self, kind: "Gathering[ItemT, OutcomeT]") -> list[_Place[ItemT, OutcomeT]]:
        """Take the first `MAX_BATCH` waiting items of this kind."""
        batch = [place for place in self._waiting if place.kind is kind][:MAX_BATCH]
        for place in batch:
            place.take()
        self._waiting = [place for place in self._waiting if not place.is_taken]
        return batch

    def wake_next(self) -> None:
        """Announce the turn of the item that has waited longest, unless a batch is under way."""
        if self._waiting and not self.under_way:
            self._waiting[0].woken.set()


class Gathering(Generic[ItemT, OutcomeT]):
    """Decides items of one kind in batches. A request that finds no batch under way runs one with all waiting items.

    No background task exists: a batch runs in the task of one of its requests.
    """

    def __init__(
        self,
        turns: Turns,
        together: Callable[[Sequence[ItemT], Turn], Awaitable[Sequence[OutcomeT | DecidedAgain]]],
        alone: Callable[[ItemT], Awaitable[OutcomeT]],
    ) -> None:
        """`together` decides up to `MAX_BATCH` items, and returns `DecidedAgain` for those that contend.

        `alone` then decides each of these. `together` may end its turn once the database has answered, and go on.
        """
        self._turns = turns
        self._together = together
        self._alone = alone

    async def decide(self, item: ItemT) -> OutcomeT:
        """The outcome of `item`, decided in a batch or alone.

        `DependencyUnavailable` reaches every item of a batch. After any other fault each item is decided alone, so that
        the fault reaches only the item that causes it. If the call is cancelled, the item may or may not be decided.
        """
        place: _Place[ItemT, OutcomeT] = _Place(self, item)
        self._turns.join(place)
        try:
            await self._been_through(place)
        finally:
            if not place.is_taken:  # cancelled
                self._turns.leave(place)
        if place.unavailable is not None:
            raise DependencyUnavailable(place.unavailable)
        if isinstance(place.outcome, DecidedAgain):
            return await self._alone(item)
        return place.outcome

    async def _been_through(self, place: _Place[ItemT, OutcomeT]) -> None:
        if self._turns.under_way:
            with trio.move_on_after(PATIENCE.total_seconds()):
                await place.woken.wait()
        while not place.is_taken:
            await self._run_next()
        if not place.woken.is_set():  # another batch took it, perhaps while it ran a full batch without its own item
            await place.woken.wait()

    async def _run_next(self) -> None:
        batch, turn = self._turns.batch_of(self), Turn(self._turns)
        try:
            with trio.CancelScope(shield=True), on_behalf_of(place.span for place in batch):
                outcomes = await self._together([place.item for place in batch], turn)
                for place, outcome in zip(batch, outcomes, strict=True):
                    place.outcome = outcome
        except DependencyUnavailable as fault:
            for place in batch:
                place.unavailable = fault.name
        except Exception as fault:  # noqa: BLE001 - each item is decided alone, and the fault is raised there
            _log.warning("batch failed: its items are decided one by one", extra={"fault": type(fault).__name__})
        finally:
            turn.end()
            for place in batch:
                place.woken.set()
