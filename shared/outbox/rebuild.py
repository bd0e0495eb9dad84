"""Writes every session's record again after an epoch began (SPEC §6.4), page by page, while requests publish as usual.

What was revoked lately goes first, with stream entries: those are the records that must not be stale.
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.outbox import metrics, store
from shared.outbox.projection import REVOKED_LIFE, Projection
from shared.outbox.session_walk import ReadPage, SessionWalk
from shared.outbox.strays import StraysPass

MARGIN = timedelta(minutes=1)
"""`revoked_at` is older than the publication: by its transaction, and by the outbox's delay."""


class Pass(Protocol):
    """One walk over sessions or records."""

    async def step(self) -> bool:
        """Do one page; whether more may follow."""
        ...


class Rebuild:
    """One rebuild under one epoch. Bounded memory: a page. Not resumed by another keeper, but begun anew: repeats are harmless."""

    def __init__(
        self, postgres: Postgres, projection: Projection, epoch: str, *,
        good_until: datetime, now: datetime, session_max_age: timedelta,
    ) -> None:  # fmt: skip
        """`good_until`: what was published up to here is in Redis, or was seen by the stream's followers."""

        def pass_over(read: ReadPage, since: datetime, *, announce: bool) -> Pass:
            return _SessionsPass(postgres, projection, epoch, SessionWalk(postgres, read, since), announce=announce)

        self._passes: deque[Pass] = deque((
            pass_over(store.page_revoked, good_until - MARGIN, announce=True),
            pass_over(store.page_revoked, now - REVOKED_LIFE, announce=False),
            pass_over(store.page_active, now - session_max_age, announce=False),
            StraysPass(postgres, projection, epoch, now),
        ))  # fmt: skip
        self._recent = self._passes[0]

    @property
    def recent_is_done(self) -> bool:
        """Whether nothing revoked lately is stale any more."""
        return not self._passes or self._passes[0] is not self._recent

    @property
    def is_done(self) -> bool:
        """Whether every record is there and true."""
        return not self._passes

    async def step(self) -> None:
        """Write one page. Raises `StaleEpoch` and `DependencyUnavailable`."""
        if not await self._passes[0].step():
            self._passes.popleft()


class _SessionsPass:
    """Writes the sessions of a walk."""

    def __init__(
        self, postgres: Postgres, projection: Projection, epoch: str, walk: SessionWalk, *, announce: bool
    ) -> None:
        self._postgres = postgres
        self._projection = projection
        self._epoch = epoch
        self._walk = walk
        self._announce = announce
        self._page: Sequence[DeviceSession] = ()

    async def step(self) -> bool:
        """A page stays in hand until Redis has it."""
        self._page = self._page or await self._walk.next_page()
        if not self._page:
            return False
        kept = await self._projection.write(self._page, self._epoch, announce=self._announce)
        metrics.REBUILT.add(len(self._page))
        self._page = ()
        if kept:
            await self._note_conflicts(kept)
        return True

    async def _note_conflicts(self, kept: Sequence[DeviceSession]) -> None:
        """Active in Postgres, revoked in Redis: revoked wins, by the hand of `Reconciler`."""
        metrics.CONFLICTS.add(len(kept))
        device_session_ids = [session.device_session_id for session in kept]
        await self._postgres.unit_of_work(lambda connection: store.note_conflicts(connection, device_session_ids))
