"""Watches for forged writes to the gateway projection (SPEC §6.6): the stream at once, all records page by page.

Every process that may publish could also forge records. Run one guard in every internal process. One of them works, by
a lease that the public role cannot take. It gives suspects to `Examination`.
"""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import trio

from contracts.gateway import GatewayRecord
from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.kernel.entropy import Entropy
from shared.kernel.faults import DependencyUnavailable
from shared.projection import metrics, store
from shared.projection.examination import Examination, Word, contradiction
from shared.projection.projection import (
    REVOKED_LIFE,
    STREAM_START,
    Entries,
    Projection,
    StaleEpoch,
    instant_of,
    position_order,
)
from shared.projection.session_walk import SessionWalk
from shared.projection.verify import drift_of

LEASE = timedelta(seconds=6)
RENEWAL = timedelta(seconds=2)
POLL = timedelta(milliseconds=250)
BATCH = 500
"""Maximum number of stream entries of one read."""
RATE = 4000
"""Maximum number of records compared in a second. A pass compares each session with its record, then each record."""
PASS_REST = timedelta(seconds=20)
RETRY = timedelta(seconds=1)

_log = logging.getLogger("authsession.projection.guard")


@dataclass(slots=True)
class _Suspect:
    """A session that its last stream entry contradicts. It is examined once the stream is read up to `mark`."""

    record: GatewayRecord
    mark: str
    is_waiting: bool


class ProjectionGuard:
    """The guard of one internal process."""

    def __init__(self, postgres: Postgres, projection: Projection, entropy: Entropy) -> None:
        self._postgres = postgres
        self._projection = projection
        self._examination = Examination(postgres, projection)
        self._name = entropy.token_bytes(12).hex()
        self._is_held = False
        self._renew_at = 0.0
        self._position = STREAM_START
        self._suspects: dict[str, _Suspect] = {}
        self._checked_at = 0.0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Guard, or wait for the lease, until cancelled. Redis and Postgres may be away."""
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow)
            nursery.start_soon(self._compare_again_and_again)

    async def _follow(self) -> None:
        while True:
            pause = POLL
            try:
                await self._renew()
                if self._is_held and await self._read_stream() >= BATCH:
                    pause = timedelta()
            except* (DependencyUnavailable, StaleEpoch):
                _log.warning("guard of the gateway projection waits for a dependency")
                pause = RETRY
            await trio.sleep(pause.total_seconds())

    async def _renew(self) -> None:
        now = trio.current_time()
        if now >= self._renew_at:
            self._renew_at = now + RENEWAL.total_seconds()
            position = self._position if self._is_held else None
            kept = await self._postgres.unit_of_work(
                store.hold_guard, holder=self._name, position=position, lease=LEASE
            )
            if kept is not None and not self._is_held:
                self._position, self._suspects, self._checked_at = kept, {}, now
            self._is_held = kept is not None
        metrics.CHECK_AGE.set(now - self._checked_at if self._is_held else 0)

    async def _read_stream(self) -> int:
        """Read a batch of entries, and return their number. The position moves after the whole batch was compared."""
        entries = await self._projection.entries(self._position, BATCH)
        went_back = position_order(entries.position) < position_order(self._position)
        if entries.words:
            await self._compare_words(entries.words)
        if entries.unreadable:
            await self._examination.tell_unreadable(entries.unreadable)
        self._position = entries.position
        await self._examine_suspects(at_once=went_back)
        metrics.STREAM_LAG.set(await self._lag(entries))
        return entries.size

    async def _compare_words(self, words: Mapping[str, GatewayRecord]) -> None:
        """Compare the last entry of each session with the session, which is read later, and update the suspects."""
        ids = list(words)

        async def read(connection: asyncpg.Connection) -> tuple[list[DeviceSession], set[str]]:
            sessions = await store.read_sessions(connection, ids)
            by_id = {session.device_session_id: session for session in sessions}
            suspects = [each for each in ids if contradiction(by_id.get(each), words[each]) is not None]
            return sessions, await store.read_waiting(connection, suspects) if suspects else set()

        sessions, waiting = await self._postgres.unit_of_work(read)
        by_id = {session.device_session_id: session for session in sessions}
        suspects = [each for each in ids if contradiction(by_id.get(each), words[each]) is not None]
        mark = await self._projection.stream_end() if suspects else ""
        for cleared in words.keys() - suspects:
            self._suspects.pop(cleared, None)
        for each in suspects:
            if (known := self._suspects.get(each)) is not None:
                known.record = words[each]
            else:
                self._suspects[each] = _Suspect(words[each], mark, each in waiting)

    async def _examine_suspects(self, *, at_once: bool) -> None:
        """Examine the suspects whose `mark` was read: all entries were read that were there at their comparison."""
        read = position_order(self._position)
        due = {
            each: Word(suspect.record, is_proven=not suspect.is_waiting)
            for each, suspect in self._suspects.items()
            if at_once or position_order(suspect.mark) <= read
        }
        if due:
            await self._examination.examine(due, due)
        for each in due:
            del self._suspects[each]

    async def _lag(self, entries: Entries) -> float:
        if entries.size < BATCH:
            return 0
        end = await self._projection.stream_end()
        return (position_order(end)[0] - position_order(entries.position)[0]) / 1000

    async def _compare_again_and_again(self) -> None:
        while True:
            try:
                if self._is_held:
                    await self._compare_all()
            except* (DependencyUnavailable, StaleEpoch):
                _log.warning("comparison of the gateway projection interrupted")
            rest = PASS_REST if self._is_held else RENEWAL
            await trio.sleep(rest.total_seconds())

    async def _compare_all(self) -> None:
        """Compare all sessions and all records once, at `RATE`."""
        async with aclosing(self._suspect_records()) as pages:
            async for size, suspects, since in pages:
                if suspects:
                    await self._examination.examine(suspects)
                if not self._is_held:
                    return
                await trio.sleep_until(since + size / RATE)
        self._checked_at = trio.current_time()

    async def _suspect_records(self) -> AsyncGenerator[tuple[int, Sequence[str], float], None]:
        """Pages: the number of compared records, the ids that differ, and the start time. Close it with `aclosing`."""
        kept = await self._postgres.unit_of_work(store.read_keeper)
        now, life = instant_of(kept.now_ms), kept.session_max_age
        for read, since in ((store.page_revoked, now - REVOKED_LIFE), (store.page_active, now - life)):
            walk, began = SessionWalk(self._postgres, read, since), trio.current_time()
            while page := await walk.next_page():
                records = await self._projection.read([session.device_session_id for session in page])
                pairs = zip(page, records, strict=True)
                yield len(page), [s.device_session_id for s, stored in pairs if drift_of(s, stored, now, life)], began
                began = trio.current_time()
        async with aclosing(self._projection.record_ids()) as pages:
            began = trio.current_time()
            async for ids in pages:
                yield len(ids), await self._unexpected(ids, life), began
                began = trio.current_time()

    async def _unexpected(self, ids: Sequence[str], life: timedelta) -> list[str]:
        if not ids:
            return []
        return await self._postgres.unit_of_work(store.read_unexpected, ids, life, REVOKED_LIFE)
