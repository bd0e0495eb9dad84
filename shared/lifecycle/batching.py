"""Requests that arrive while a unit of work is under way share the next one of their kind, whatever the work is."""

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

MOST = 32
"""Items in one batch: some milliseconds of Postgres' time."""
PATIENCE = timedelta(milliseconds=50)
"""A batch that takes longer (a slow server, a connection that hangs) no longer holds back the next one."""

_log = logging.getLogger("authsession.lifecycle.batching")


class DecidedAgain(Enum):
    """The result of an attempt whose write found other rows than its decision had read."""

    NEEDED = auto()


@dataclass(slots=True, eq=False)
class _Place(Generic[ItemT, OutcomeT]):
    """One who waits: until another's batch has been through with theirs, or until it is their turn to run one."""

    kind: "Gathering[ItemT, OutcomeT]"
    item: ItemT
    span: Span | None = field(default_factory=current_span)
    woken: trio.Event = field(default_factory=trio.Event)
    is_taken: bool = False
    outcome: OutcomeT | DecidedAgain = DecidedAgain.NEEDED
    unavailable: str | None = None

    def take(self) -> None:
        """Into a batch. Whoever was told that it is their turn waits anew: another was faster."""
        self.is_taken = True
        if self.woken.is_set():
            self.woken = trio.Event()


class Turn:
    """A batch's time with the database: others wait for its end."""

    __slots__ = ("_has_ended", "_turns")

    def __init__(self, turns: "Turns") -> None:
        self._turns = turns
        self._has_ended = False
        turns.under_way += 1

    def end(self) -> None:
        """What the batch does from here on holds nobody back. May be repeated."""
        if not self._has_ended:
            self._has_ended = True
            self._turns.under_way -= 1
            self._turns.wake_next()


class Turns:
    """Batches of several kinds, one after the other: beside each other they would be twice as many, half as large.

    Who has waited longest is next, with all of their kind.
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
        """Of those who wait, the first `MOST` of this kind."""
        batch = [place for place in self._waiting if place.kind is kind][:MOST]
        for place in batch:
            place.take()
        self._waiting = [place for place in self._waiting if not place.is_taken]
        return batch

    def wake_next(self) -> None:
        """Tell who has waited longest that it is their turn, if it is."""
        if self._waiting and not self.under_way:
            self._waiting[0].woken.set()


class Gathering(Generic[ItemT, OutcomeT]):
    """Batches of one kind form by themselves: whoever finds none under way runs one at once, with all who wait.

    There is no task behind it: a batch runs in the task of one of its requests.
    """

    def __init__(
        self,
        turns: Turns,
        together: Callable[[Sequence[ItemT], Turn], Awaitable[Sequence[OutcomeT | DecidedAgain]]],
        alone: Callable[[ItemT], Awaitable[OutcomeT]],
    ) -> None:
        """`together` takes up to `MOST` items and leaves undone what contends; that is for `alone`.

        It may end its turn once the database has answered, and go on.
        """
        self._turns = turns
        self._together = together
        self._alone = alone

    async def decide(self, item: ItemT) -> OutcomeT:
        """The outcome of `item`, decided with others or alone.

        `DependencyUnavailable` reaches all of a batch; after any other fault each is tried alone, so that it reaches
        whom it concerns. Cancelled while it waits for others, the item may or may not be decided.
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
        if not place.woken.is_set():  # in another's batch, perhaps while it ran one that was full without it
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
        except Exception as fault:  # noqa: BLE001 - each is tried alone, and there it passes
            _log.warning("a batch failed", extra={"fault": type(fault).__name__})
        finally:
            turn.end()
            for place in batch:
                place.woken.set()
