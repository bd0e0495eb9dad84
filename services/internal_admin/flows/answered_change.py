"""Flow: a published change whose answer is the same for its repeats under one `Idempotency-Key`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic

import asyncpg

from services.internal_admin.domain.idempotency import Answer, Answered, KeyConflict, KeyedRequest
from services.internal_admin.flows.published_change import OutcomeT, PublishedChange
from services.internal_admin.store.idempotency import answer_once


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
        once = partial(answer_once, request=self.request, body=body, answer=self.answer)
        outcome: Answered | KeyConflict = await self.change.make(once)
        return outcome if isinstance(outcome, KeyConflict) else outcome.answer
