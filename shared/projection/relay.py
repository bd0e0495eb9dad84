"""The only path from outbox rows to Redis (SPEC §6.3). Requests publish their rows and wait; `step` takes the rest.

Each process has one relay. Its calls do not wait for each other, because one connection to Redis carries all at once.
"""

from collections.abc import Sequence
from datetime import timedelta
from time import perf_counter

import asyncpg
import trio

from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.projection_change import ProjectionChange
from shared.lifecycle.supervision import Signal
from shared.projection import metrics, store
from shared.projection.projection import Projection, StaleEpoch
from shared.projection.settler import Settler

PUBLISH_TIMEOUT = timedelta(seconds=2)
LEASE = timedelta(seconds=10)
BATCH = 256
"""Maximum number of sessions in a script call. It takes Redis some milliseconds, so gateways' reads never wait long."""

_EPOCH_POLL = 0.05  # seconds between two looks for the keeper's next epoch


class Relay:
    """Publishes changes of sessions. `run` settles the rows of `publish`; after a crash, any process' `step` does."""

    def __init__(self, postgres: Postgres, projection: Projection) -> None:
        self._postgres = postgres
        self._projection = projection
        self._settler = Settler(postgres)
        self.wake = Signal()
        """The `wake` of the worker that runs `step`: Redis answers again, so waiting rows can be published."""
        self._redis_was_away = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Settle published rows until cancelled, and settle the rest at the end.

        Start it once, in a nursery, and cancel it after the last request.
        """
        await self._settler.run(task_status=task_status)

    async def epoch(self) -> str:
        """The epoch for `publish`. Read it before the transaction that makes the changes; see `Projection.epoch`."""
        return await self._projection.epoch()

    async def publish(self, changes: Sequence[ProjectionChange], epoch: str) -> None:
        """Return when the record of every change is readable in Redis.

        `epoch` must be read before the transaction that made the changes. If another epoch has begun since, the
        sessions are read again from Postgres. Raises `DependencyUnavailable` within `PUBLISH_TIMEOUT` if Redis cannot
        take them; the outbox rows then stay, and some relay publishes them. A repeat is harmless. A cancellation is
        too: some of the records may then be published already.
        """
        started_at = perf_counter()
        deadline = trio.current_time() + PUBLISH_TIMEOUT.total_seconds()
        try:
            with trio.CancelScope(deadline=deadline):
                for start in range(0, len(changes), BATCH):
                    await self._publish_batch(changes[start : start + BATCH], epoch, deadline)
                return
            raise DependencyUnavailable("redis")
        finally:
            metrics.PUBLISH_DURATION.record(perf_counter() - started_at)

    async def step(self) -> int:
        """Publish and settle a batch of rows that no relay settled in time. Return their number.

        It publishes the sessions as they are now. Several processes may do this at once: a claim is a lease of `LEASE`,
        after which the rows of a process that died are free again. Raises `DependencyUnavailable`; the rows are then
        free at once.
        """
        epoch = await self._projection.epoch()
        claim = await self._postgres.unit_of_work(store.claim_changes, BATCH, LEASE)
        if not claim.outbox_ids:
            return 0
        try:
            kept = await self._write(claim.sessions, epoch, trio.current_time() + PUBLISH_TIMEOUT.total_seconds())
        except DependencyUnavailable:
            await self._postgres.unit_of_work(store.release_changes, claim.outbox_ids)
            raise
        await self._postgres.unit_of_work(_settle, claim.outbox_ids, kept)
        return len(claim.outbox_ids)

    async def _publish_batch(self, changes: Sequence[ProjectionChange], epoch: str, deadline: float) -> None:
        try:
            kept = await self._write([change.session for change in changes], epoch, deadline)
        except DependencyUnavailable:
            self._redis_was_away = True
            raise
        self._settler.add([change.outbox_id for change in changes], kept)
        self._wake_step()

    def _wake_step(self) -> None:
        if self._redis_was_away:
            self._redis_was_away = False
            self.wake.notify()

    async def _write(self, sessions: Sequence[DeviceSession], epoch: str, deadline: float) -> Sequence[DeviceSession]:
        """Write the sessions under `epoch`. If that is over, read them again and write their new state."""
        try:
            return await self._projection.write(sessions, epoch)
        except StaleEpoch:
            return await self._write_again([session.device_session_id for session in sessions], deadline)

    async def _write_again(self, device_session_ids: Sequence[str], deadline: float) -> Sequence[DeviceSession]:
        while trio.current_time() < deadline:
            epoch = await self._projection.epoch()
            sessions = await self._postgres.unit_of_work(store.read_sessions, device_session_ids)
            try:
                return await self._projection.write(sessions, epoch)
            except StaleEpoch:
                await trio.sleep(_EPOCH_POLL)
        self._projection.look_elsewhere()
        raise DependencyUnavailable("redis", reason="stale epoch")


async def _settle(connection: asyncpg.Connection, outbox_ids: Sequence[int], kept: Sequence[DeviceSession]) -> None:
    await store.settle_changes(connection, outbox_ids, [session.device_session_id for session in kept])
