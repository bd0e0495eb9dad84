"""The one path from outbox rows to Redis (SPEC §6.3): requests hand in their rows and wait; `step` takes what is left.

One relay per process. Calls do not wait for each other: Redis' one connection carries them all at once.
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
"""Sessions in one script call: some milliseconds of Redis' time, so that the gateway's reads never wait long."""

_EPOCH_POLL = 0.05  # seconds between two looks for the keeper's next epoch


class Relay:
    """Publishes changes of sessions. What `publish` wrote is settled by `run`, or later by somebody's `step`."""

    def __init__(self, postgres: Postgres, projection: Projection) -> None:
        self._postgres = postgres
        self._projection = projection
        self._settler = Settler(postgres)
        self.wake = Signal()
        """For `supervise(step, wake=…)`: Redis answers again, so what waits can go."""
        self._redis_was_away = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Settle behind what was published, until cancelled; what was published by then is settled on the way out.

        Start it in a nursery, once, and stop it after the last request.
        """
        await self._settler.run(task_status=task_status)

    async def epoch(self) -> str:
        """For `publish`; to be read before the transaction that makes the changes. As `Projection.epoch`."""
        return await self._projection.epoch()

    async def publish(self, changes: Sequence[ProjectionChange], epoch: str) -> None:
        """Return when the record of every change is readable in Redis.

        `epoch` was read before the transaction that made the changes. If Redis has begun another
        epoch since, the sessions are read again from Postgres. Otherwise raises `DependencyUnavailable` within
        `PUBLISH_TIMEOUT`; the outbox rows then stay, and some relay publishes them. Repeats are harmless, and so is
        cancellation: some of the records may then be there.
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
        """Claim a batch of rows that nobody settled in time, publish their sessions as they are now, settle; how many.

        For `supervise`; any number of processes may do this at once. A claim is a lease of `LEASE`: the rows of a
        process that dies come back. Raises `DependencyUnavailable`; the rows are then free for the next claim.
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
        """Write the sessions under `epoch`; if that is over, read them again and write what they are by then."""
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
