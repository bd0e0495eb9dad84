"""The one path from outbox rows to Redis (SPEC §6.3): requests hand in their rows and wait; `step` takes what is left.

One relay per process. Batches form by themselves: whatever is handed in while a batch is under way is the next one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg
import trio

from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.projection_change import ProjectionChange
from shared.outbox import metrics, store
from shared.outbox.projection import Projection, StaleEpoch
from shared.outbox.settler import Settler
from shared.supervision import Signal
from shared.tracing import Span, current_span, on_behalf_of

PUBLISH_TIMEOUT = timedelta(seconds=2)
LEASE = timedelta(seconds=10)
BATCH = 256
"""Sessions in one script call: some milliseconds of Redis' time, so that the gateway's reads never wait long."""

_EPOCH_POLL = 0.05  # seconds between two looks for the keeper's next epoch


@dataclass(slots=True, eq=False)
class _Part:
    """Part of one `publish`: at most `BATCH` changes, and what became of them."""

    changes: Sequence[ProjectionChange]
    epoch: str
    deadline: float
    done: trio.Event = field(default_factory=trio.Event)
    fault: DependencyUnavailable | None = None
    span: Span | None = field(default_factory=current_span)


class Relay:
    """Publishes changes of sessions. `run` must be running for `publish` to succeed; `step` works without."""

    def __init__(self, postgres: Postgres, projection: Projection) -> None:
        self._postgres = postgres
        self._projection = projection
        self._settler = Settler(postgres)
        self.wake = Signal()
        """For `supervise(step, wake=…)`: Redis answers again, so what waits can go."""
        self._redis_was_away = False
        self._hand_in, self._handed_in = trio.open_memory_channel[_Part](float("inf"))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write batches, and settle them behind, until cancelled; what was written by then is settled on the way out.

        Start it in a nursery, once, and stop it after the last request.
        """
        async with trio.open_nursery() as nursery:
            await nursery.start(self._settler.run)
            task_status.started()
            while True:
                await self._publish_batch(await self._next_batch())

    async def epoch(self) -> str:
        """For `publish`; to be read before the transaction that makes the changes. As `Projection.epoch`."""
        return await self._projection.epoch()

    async def publish(self, changes: Sequence[ProjectionChange], epoch: str) -> None:
        """Return when the record of every change is readable in Redis.

        `epoch` was read before the transaction that made the changes. If Redis has begun another
        epoch since, the sessions are read again from Postgres. Otherwise raises `DependencyUnavailable` within
        `PUBLISH_TIMEOUT`; the outbox rows then stay, and some relay publishes them. Repeats are harmless, and so is
        cancellation: others of the batch do not notice.
        """
        deadline = trio.current_time() + PUBLISH_TIMEOUT.total_seconds()
        parts = [_Part(changes[start : start + BATCH], epoch, deadline) for start in range(0, len(changes), BATCH)]
        with metrics.publish_duration(), trio.move_on_at(deadline):
            for part in parts:
                self._hand_in.send_nowait(part)
            for part in parts:
                await part.done.wait()
        _raise_fault(parts)

    async def step(self) -> int:
        """Claim a batch of rows that nobody settled in time, publish their sessions as they are now, settle; how many.

        For `supervise`; any number of processes may do this at once. A claim is a lease of `LEASE`: the rows of a
        process that dies come back. Raises `DependencyUnavailable`; the rows are then free for the next claim.
        """
        epoch = await self._projection.epoch()
        claim = await self._postgres.unit_of_work(lambda connection: store.claim_changes(connection, BATCH, LEASE))
        if not claim.outbox_ids:
            return 0
        try:
            kept = await self._write(claim.sessions, epoch, trio.current_time() + PUBLISH_TIMEOUT.total_seconds())
        except DependencyUnavailable:
            await self._postgres.unit_of_work(lambda connection: store.release_changes(connection, claim.outbox_ids))
            raise
        await self._postgres.unit_of_work(lambda connection: _settle(connection, claim.outbox_ids, kept))
        return len(claim.outbox_ids)

    async def _next_batch(self) -> list[_Part]:
        """Wait for the first part; take with it what else is waiting, but for those whose request has gone."""
        parts = [await self._handed_in.receive()]
        while sum(len(part.changes) for part in parts) < BATCH:
            try:
                parts.append(self._handed_in.receive_nowait())
            except trio.WouldBlock:
                break
        now = trio.current_time()
        return [part for part in parts if part.deadline > now]

    async def _publish_batch(self, parts: Iterable[_Part]) -> None:
        by_epoch = defaultdict[str, list[_Part]](list)
        for part in parts:
            by_epoch[part.epoch].append(part)
        for epoch, same_epoch in by_epoch.items():
            await self._publish_parts(same_epoch, epoch)

    async def _publish_parts(self, parts: Sequence[_Part], epoch: str) -> None:
        changes = [change for part in parts for change in part.changes]
        try:
            with on_behalf_of(part.span for part in parts):
                kept = await self._write(
                    [change.session for change in changes], epoch, max(part.deadline for part in parts)
                )
        except DependencyUnavailable as fault:
            self._redis_was_away = True
            for part in parts:
                part.fault = fault
        else:
            self._settler.add([change.outbox_id for change in changes], kept)
            self._wake_step()
        for part in parts:
            part.done.set()

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
            sessions = await self._postgres.unit_of_work(
                lambda connection: store.read_sessions(connection, device_session_ids)
            )
            try:
                return await self._projection.write(sessions, epoch)
            except StaleEpoch:
                await trio.sleep(_EPOCH_POLL)
        raise DependencyUnavailable("redis")


async def _settle(connection: asyncpg.Connection, outbox_ids: Sequence[int], kept: Sequence[DeviceSession]) -> None:
    await store.settle_changes(connection, outbox_ids, [session.device_session_id for session in kept])


def _raise_fault(parts: Iterable[_Part]) -> None:
    for part in parts:
        if part.fault is not None:
            raise part.fault
        if not part.done.is_set():
            raise DependencyUnavailable("redis")
