"""Writes every session's record again after an epoch began (SPEC §6.4), page by page, while requests publish as usual.

Sessions that were revoked lately go first, with stream entries, because their records must not be stale.
"""

import logging
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial

import trio

from contracts.gateway import GatewayRecord, MalformedRecord, decode_record
from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.lifecycle.supervision import weather
from shared.projection import metrics, store
from shared.projection.epoch import Kept
from shared.projection.projection import REVOKED_LIFE, Projection, StaleEpoch, StoredRecord, instant_of
from shared.projection.session_walk import ReadPage, SessionWalk

MARGIN = timedelta(minutes=1)
"""`revoked_at` is older than its publication, by the transaction and the delay of the outbox, so start earlier."""

_log = logging.getLogger("authsession.projection.rebuild")


class Rebuild:
    """A rebuild under one epoch. It holds two pages in memory. After a fault another one starts from the beginning."""

    def __init__(self, postgres: Postgres, projection: Projection, begun: Kept, *, finds_strays: bool) -> None:
        """`begun.beat` is the last good beat: changes before it are in Redis or in the copies of its followers."""
        self._postgres = postgres
        self._projection = projection
        self._begun = begun
        self._finds_strays = finds_strays
        self._scope = trio.CancelScope()
        self.recent_is_done = False
        """Whether the records of all lately revoked sessions are written."""
        self.is_done = False
        """Whether every record is written."""
        self.ended = trio.Event()

    @property
    def epoch(self) -> str:
        return self._begun.epoch

    def cancel(self) -> None:
        self._scope.cancel()

    async def run(self) -> None:
        """Rebuild. It ends early, without raising, if a new epoch begins, a server is away, or `cancel` is called."""
        with self._scope:
            try:
                with weather("rebuild"):
                    await self._run()
            except* StaleEpoch:
                pass
        if not self.is_done:
            _log.warning("rebuild of the gateway projection interrupted")
        self.ended.set()

    async def _run(self) -> None:
        now = instant_of(self._begun.now_ms)
        await self._write(store.page_revoked, instant_of(self._begun.beat) - MARGIN, announce=True)
        self.recent_is_done = True
        await self._write(store.page_revoked, now - REVOKED_LIFE, announce=False)
        await self._write(store.page_active, now - self._begun.session_max_age, announce=False)
        if self._finds_strays:
            await self._revoke_strays(now)
        self.is_done = True

    async def _write(self, read: ReadPage, since: datetime, *, announce: bool) -> None:
        """Write all pages of `read`. A page may be old; the script keeps a record that was revoked meanwhile."""
        await SessionWalk(self._postgres, read, since).for_each_page(partial(self._write_page, announce=announce))

    async def _write_page(self, page: Sequence[DeviceSession], *, announce: bool) -> None:
        kept = await self._projection.write(page, self.epoch, announce=announce)
        metrics.REBUILT.add(len(page))
        if kept:
            await self._note_conflicts(kept)

    async def _note_conflicts(self, kept: Sequence[DeviceSession]) -> None:
        """Note sessions that are revoked in Redis and were active in Postgres, which may have gone back.

        `Reconciler` looks at them.
        """
        device_session_ids = [session.device_session_id for session in kept]
        await self._postgres.unit_of_work(store.note_conflicts, device_session_ids)

    async def _revoke_strays(self, now: datetime) -> None:
        """Revoke active records without a session, which stay if Postgres goes back to before the session began."""
        async with aclosing(self._projection.record_ids()) as pages:
            async for device_session_ids in pages:
                strays = await self._strays(device_session_ids)
                if strays:
                    metrics.STRAYS.add(len(strays))
                    await self._projection.revoke_strays(strays, self.epoch, now)

    async def _strays(self, device_session_ids: Sequence[str]) -> list[GatewayRecord]:
        unknown = await self._postgres.unit_of_work(store.read_unknown, device_session_ids)
        records = map(_active_record, unknown, await self._projection.read(unknown))
        return [record for record in records if record is not None]


def _active_record(device_session_id: str, stored: StoredRecord | None) -> GatewayRecord | None:
    """The record if a gateway would accept it as active. It refuses a malformed one, which `verify` lists."""
    try:
        record = None if stored is None else decode_record(stored.value)
    except MalformedRecord:
        return None
    return record if record and (record.status, record.device_session_id) == ("active", device_session_id) else None
