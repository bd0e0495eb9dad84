"""Flow: the one way this service changes sessions: commit, then wait until gateways can see it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import asyncpg

from services.internal_admin.domain.mutation import Outcome
from shared.io.postgres import Postgres
from shared.outbox.relay import Relay

OutcomeT = TypeVar("OutcomeT", bound=Outcome)
OutcomeT_contra = TypeVar("OutcomeT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)


class Change(Protocol[OutcomeT_contra, ResultT_co]):
    """One way to change sessions: told how a unit of work ends, it gives what its caller needs."""

    async def make(self, body: Callable[[asyncpg.Connection], Awaitable[OutcomeT_contra]], /) -> ResultT_co: ...


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
        outcome = await self.postgres.large_unit_of_work(body)
        if outcome.changes:
            await self.relay.publish(outcome.changes, epoch)
        return outcome
