"""Deletes published outbox rows in batches, so that no request waits for it. A row may be published twice."""

from collections.abc import Sequence
from datetime import timedelta

import trio

from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.lifecycle.supervision import weather
from shared.projection import store

GATHER = timedelta(milliseconds=100)
BATCH = 500
RETRY = timedelta(seconds=1)
_MAX_PENDING = 100 * BATCH  # while Postgres is away for long, further rows are left to `Relay.step`


class Settler:
    """The rows that are published and not yet settled. After a crash at most these are published once more."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._outbox_ids: list[int] = []
        self._conflicts: list[str] = []
        self._pending = trio.Event()
        self._full = trio.Event()

    def add(self, outbox_ids: Sequence[int], kept: Sequence[DeviceSession]) -> None:
        """Add published rows. The records of `kept` say revoked, although the sessions were active when read."""
        if len(self._outbox_ids) < _MAX_PENDING:
            self._outbox_ids += outbox_ids
            self._conflicts += [session.device_session_id for session in kept]
        self._pending.set()
        if len(self._outbox_ids) >= BATCH:
            self._full.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Settle every `GATHER`, or after `BATCH` rows, until cancelled, and then settle the rest."""
        task_status.started()
        try:
            while True:
                await self._pending.wait()
                with trio.move_on_after(GATHER.total_seconds()):
                    await self._full.wait()
                await self._settle_or_wait()
        finally:
            with trio.CancelScope(shield=True), weather("settler"):
                await self._settle()

    async def _settle_or_wait(self) -> None:
        with weather("settler"):
            await self._settle()
            return
        self._pending.set()
        await trio.sleep(RETRY.total_seconds())

    async def _settle(self) -> None:
        """Settle all rows that are pending now. They stay pending until Postgres has accepted it."""
        outbox_ids, conflicts = tuple(self._outbox_ids), tuple(self._conflicts)
        self._pending, self._full = trio.Event(), trio.Event()
        if outbox_ids:
            await self._postgres.unit_of_work(store.settle_changes, outbox_ids, conflicts)
            del self._outbox_ids[: len(outbox_ids)], self._conflicts[: len(conflicts)]
