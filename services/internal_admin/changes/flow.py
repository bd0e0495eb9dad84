"""Flow: the one way this service changes sessions: commit, then wait until gateways can see it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

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
from services.internal_admin.changes.store import InParts, answer_once
from shared.io.postgres import Postgres
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.projection_change import ProjectionChange
from shared.projection.relay import Relay

OutcomeT = TypeVar("OutcomeT", bound=Outcome)
OutcomeT_contra = TypeVar("OutcomeT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)


class Change(Protocol[OutcomeT_contra, ResultT_co]):
    """One way to change sessions: told how a unit of work ends, it gives what its caller needs."""

    async def make(self, body: Callable[[asyncpg.Connection], Awaitable[OutcomeT_contra]], /) -> ResultT_co:
        """By one unit of work."""
        ...

    async def make_in_parts(self, body: InParts[OutcomeT_contra], /) -> ResultT_co:
        """By as many as it takes: few for nearly everybody, one for each `PART` sessions."""
        ...


@dataclass(frozen=True, slots=True)
class PublishedChange:
    """The two parts a published change needs."""

    postgres: Postgres
    relay: Relay

    async def make(self, body: Callable[[asyncpg.Connection], Awaitable[OutcomeT]]) -> OutcomeT:
        """Run one unit of work, and return its outcome once the records of its changes are readable in Redis.

        Raises `DependencyUnavailable("redis")` when they could not be written in time: the change stands, its outbox
        rows wait, and some relay publishes them (SPEC §6.3). Cancelled after the commit, it leaves the same.
        """
        epoch = await self.relay.epoch()
        outcome = await self.postgres.unit_of_work(body)
        if outcome.changes:
            await self.relay.publish(outcome.changes, epoch)
        return outcome

    async def make_in_parts(self, body: InParts[OutcomeT]) -> OutcomeT:
        """As `make`, with each part published before the next begins. Without Redis all parts are made nevertheless.

        Without Postgres it ends between two parts: those before stand, and a repeat of the request makes the others.
        """
        done, fault = NOTHING, None
        while True:
            epoch = await self.relay.epoch()
            outcome = await self.postgres.unit_of_work(partial(body, done=done))
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
    """`answer` says what to tell of an outcome; `request` is None where there is no key."""

    change: PublishedChange
    answer: Callable[[OutcomeT], Answer]
    request: KeyedRequest | None

    async def make(self, body: Callable[[asyncpg.Connection], Awaitable[OutcomeT]]) -> Answer | KeyConflict:
        """As `PublishedChange.make`. Under a key the body runs once; each repeat first publishes what that could not.

        Raises `DependencyUnavailable("redis")` when that fails: the answer is kept, and the next repeat gets it.
        """
        if self.request is None:
            return self.answer(await self.change.make(body))

        async def one_part(connection: asyncpg.Connection, /, *, done: Done) -> OutcomeT:
            del done
            return await body(connection)

        return await self._make_once(one_part, self.request)

    async def make_in_parts(self, body: InParts[OutcomeT]) -> Answer | KeyConflict:
        """The same of a body in parts. The answer is kept with the last one; before that a repeat does the rest."""
        if self.request is None:
            return self.answer(await self.change.make_in_parts(body))
        return await self._make_once(body, self.request)

    async def _make_once(self, body: InParts[OutcomeT], request: KeyedRequest) -> Answer | KeyConflict:
        once = partial(answer_once, request=request, body=body, answer=self.answer)
        outcome: Answered | KeyConflict = await self.change.make_in_parts(once)
        return outcome if isinstance(outcome, KeyConflict) else outcome.answer
