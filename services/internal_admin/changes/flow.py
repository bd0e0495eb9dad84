"""The way of a mutation that changes sessions: it commits, waits until gateways see the change, and then answers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

import asyncpg

from services.internal_admin.changes.domain import (
    NOTHING,
    Answer,
    Answered,
    Done,
    KeyConflict,
    KeyedRequest,
    Outcome,
    Part,
)
from services.internal_admin.changes.store import UnitInParts, answer_once, read_repeat
from shared.io.postgres import Postgres, Unit
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.projection_change import ProjectionChange
from shared.projection.relay import Relay

P = ParamSpec("P")
OutcomeT = TypeVar("OutcomeT", bound=Outcome)


@dataclass(frozen=True, slots=True)
class PublishedChange:
    """Commits a mutation and publishes its gateway records."""

    postgres: Postgres
    relay: Relay

    async def make(self, function: UnitInParts[P, OutcomeT], /, *args: P.args, **kwargs: P.kwargs) -> OutcomeT:
        """Run the units of work, and return the outcome once the records of its changes are readable in Redis.

        Each part is published before the next begins. Without Redis all parts are made nevertheless, and then this
        raises `DependencyUnavailable("redis")`: the change stands, and some relay publishes its outbox rows later
        (SPEC §6.3). A cancellation after a commit leaves the same state.

        Without Postgres it ends between two parts. The parts before stand, and a repeat of the request makes the rest.
        """
        done, fault = NOTHING, None
        while True:
            epoch = await self.relay.epoch()
            outcome = await self.postgres.unit_of_work(function, done, *args, **kwargs)
            if outcome.changes and fault is None:
                fault = await self._published(outcome.changes, epoch)
            if not isinstance(outcome, Part):
                break
            done = outcome.done
        if fault is not None:
            raise fault
        return outcome

    async def _published(self, changes: Sequence[ProjectionChange], epoch: str) -> DependencyUnavailable | None:
        try:
            await self.relay.publish(changes, epoch)
        except DependencyUnavailable as fault:
            return fault
        return None


@dataclass(frozen=True, slots=True)
class AnsweredChange(Generic[OutcomeT]):
    """The change that one request makes. `answer` encodes its outcome; `request` is None where there is no key."""

    change: PublishedChange
    answer: Callable[[OutcomeT], Answer]
    request: KeyedRequest | None

    def make(
        self, function: Unit[P, OutcomeT], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[Answer | KeyConflict]:
        """Make the change by one unit of work, otherwise as `make_in_parts`."""
        return self.make_in_parts(_in_one_part(function), *args, **kwargs)

    async def make_in_parts(
        self, function: UnitInParts[P, OutcomeT], /, *args: P.args, **kwargs: P.kwargs
    ) -> Answer | KeyConflict:
        """Make the change by as many units of work as it takes: one for each `PART` sessions, so mostly one.

        Under a key the change happens once, and its answer is kept with the last part. Before that a repeat does the
        rest. After it a repeat first publishes the records that the first request could not.

        Raises `DependencyUnavailable("redis")` if a record cannot be published. The answer is kept for the next repeat.
        """
        if self.request is None:
            return self.answer(await self.change.make(function, *args, **kwargs))
        kept = await self.change.make(answer_once, self.request, self.answer, function, *args, **kwargs)
        return kept if isinstance(kept, KeyConflict) else kept.answer

    async def repeated(self) -> Answer | KeyConflict | None:
        """The answer that is kept under the request's key; None if there is none yet, or no key.

        For a change that does something before its unit of work, such as a call, which a repeat must not do again.
        """
        if self.request is None:
            return None
        kept = await self.change.make(read_repeat, self.request)
        return kept.answer if isinstance(kept, Answered) else kept if isinstance(kept, KeyConflict) else None


def _in_one_part(function: Unit[P, OutcomeT]) -> UnitInParts[P, OutcomeT]:
    @wraps(function, assigned=("__name__", "__qualname__"), updated=())
    def one_part(
        connection: asyncpg.Connection, done: Done, /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[OutcomeT]:
        del done
        return function(connection, *args, **kwargs)

    return one_part
