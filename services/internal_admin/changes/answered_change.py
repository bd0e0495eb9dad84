"""Flow: a published change whose answer is the same for its repeats under one `Idempotency-Key`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic

import asyncpg

from services.internal_admin.callers.mutation import Done
from services.internal_admin.changes.domain import Answer, Answered, KeyConflict, KeyedRequest
from services.internal_admin.changes.flow import OutcomeT, PublishedChange
from services.internal_admin.changes.parts import InParts
from services.internal_admin.changes.store import answer_once


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
