"""Keeps the projection true (SPEC §6.4): writes beats, compares Redis with Postgres, begins epochs, rebuilds.

A lease lets one process keep at a time. A public process waits longer for it, and gives way to an internal one. The
keeper changes no session: `Reconciler` does so, which needs the internal role.
"""

import logging
from dataclasses import replace
from datetime import timedelta

import asyncpg
import trio

from contracts.audit_events import EventName
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.entropy import Entropy
from shared.leases.lease import Lease, lease
from shared.lifecycle.supervision import weather
from shared.projection import metrics, store
from shared.projection.epoch import Kept, Reason, Seen, State, last_good_beat, new_epoch_reason, next_beat
from shared.projection.projection import Projection
from shared.projection.rebuild import Rebuild

BEAT = timedelta(seconds=1)
LEASE = "keeper"

_LAST_ID = "last_id"
_STREAM_REPLACED = AuditEvent(
    event=EventName.CORRECT_PROJECTION,
    outcome="corrected",
    caller="system",
    actor=Actor("system", None),
    reason_code=_LAST_ID,
)

_log = logging.getLogger("authsession.projection.keeper")


class Keeper:
    """The keeper of one process. Run one in every process that may keep; only one of them works at a time."""

    def __init__(
        self,
        postgres: Postgres,
        projection: Projection,
        entropy: Entropy,
        *,
        patience: timedelta = 2 * BEAT,
        finds_strays: bool = True,
    ) -> None:
        """`patience` is the age of the last beat from which this process tries to take the lease.

        With `finds_strays` a rebuild ends with a look at every key of Redis, which the public user has no right to.
        Without it the guard of an internal process finds strays.
        """
        self._finds_strays = finds_strays
        self._postgres = postgres
        self._projection = projection
        self._entropy = entropy
        self._patience = patience

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep, or wait for the lease, until cancelled. Redis and Postgres may be away."""
        metrics.show_that_nothing_was_lost()
        task_status.started()
        while True:
            with weather("keeper"):
                if await self._is_abandoned():
                    await self._try_to_keep()
            await trio.sleep(BEAT.total_seconds())

    async def _is_abandoned(self) -> bool:
        kept = await self._postgres.unit_of_work(store.read_keeper)
        if abs(kept.now_ms - kept.beat) > self._patience / timedelta(milliseconds=1):
            return True
        return await self._postgres.unit_of_work(store.comes_before_the_keeper)

    async def _try_to_keep(self) -> None:
        async with lease(self._postgres, LEASE, self._entropy) as held:
            if held is not None:
                await self._keep(held)

    async def _keep(self, held: Lease) -> None:
        """Keep, beat by beat. Raises when the lease or one of the servers is lost."""
        async with trio.open_nursery() as nursery:
            rebuild: Rebuild | None = None
            while True:
                due = trio.current_time() + BEAT.total_seconds()
                kept = await self._compare(held)
                if kept.state == "rebuilding" and (rebuild is None or rebuild.epoch != kept.epoch or _failed(rebuild)):
                    if rebuild is not None:
                        rebuild.cancel()
                    rebuild = Rebuild(self._postgres, self._projection, kept, finds_strays=self._finds_strays)
                    nursery.start_soon(rebuild.run)
                await self._beat(held, kept, rebuild)
                await _wait(due, rebuild)

    async def _compare(self, held: Lease) -> Kept:
        """The state that holds from here on: the present epoch, or a new one if that had to begin."""
        if await self._projection.replace_foreign_keys():
            metrics.CORRECTIONS.add(1, {"kind": _LAST_ID})
            await held.unit_of_work(insert_audit_event, _STREAM_REPLACED)
        kept, seen = await held.unit_of_work(store.read_keeper), await self._projection.look()
        reason = new_epoch_reason(kept, seen)
        if reason is not None:
            kept = await self._begin_epoch(held, kept, seen, reason)
        self._projection.adopt(kept.epoch, kept.session_max_age)
        return kept

    async def _begin_epoch(self, held: Lease, kept: Kept, seen: Seen, reason: Reason) -> Kept:
        """Begin an epoch in Redis first. A reader of the epoch in Postgres then knows that Redis refuses older ones."""
        begun = replace(
            kept,
            epoch=self._entropy.token_bytes(12).hex(),
            state="rebuilding",
            beat=last_good_beat(kept, seen),
            run_id=seen.run_id,
            timeline=kept.timeline_now,
            postgres_started_at=kept.postgres_started_at_now,
            session_max_age=kept.session_max_age_now,
            rebuild_requested=False,
        )
        if kept.epoch:
            _log.warning("new epoch of the gateway projection begins", extra={"reason": reason})
        else:
            _log.info("first epoch of the gateway projection begins")
        metrics.EPOCHS.add(1, {"reason": reason})
        await self._projection.begin(begun.epoch, begun.beat)
        await held.unit_of_work(_write_epoch, begun, reason if kept.epoch else None)
        return begun

    async def _beat(self, held: Lease, kept: Kept, rebuild: Rebuild | None) -> None:
        """Write a beat to Redis, then to Postgres.

        A beat means that all earlier changes are in Redis. So a rebuild first writes the sessions that were revoked
        since the last beat.
        """
        if rebuild is not None and not rebuild.recent_is_done:
            return
        state: State = "complete" if rebuild is None or rebuild.is_done else "rebuilding"
        beat = next_beat(kept)
        if await self._projection.beat(kept.epoch, kept.beat, beat, state):
            await held.unit_of_work(store.write_beat, kept.epoch, beat, state)


async def _write_epoch(connection: asyncpg.Connection, begun: Kept, reason: Reason | None) -> None:
    """Write the epoch with an audit row, because a forged key may be the cause. The first epoch has neither."""
    if reason is None:
        await store.write_epoch(connection, begun)
        return
    event = AuditEvent(
        event=EventName.BEGIN_EPOCH, outcome="begun", caller="system", actor=Actor("system", None), reason_code=reason
    )
    async with connection.transaction():
        await store.write_epoch(connection, begun)
        await insert_audit_event(connection, event)


def _failed(rebuild: Rebuild) -> bool:
    return rebuild.ended.is_set() and not rebuild.is_done


async def _wait(due: float, rebuild: Rebuild | None) -> None:
    """Wait until the next beat is due, or until the rebuild under way has ended."""
    if rebuild is None or rebuild.ended.is_set():
        await trio.sleep_until(due)
        return
    with trio.move_on_at(due):
        await rebuild.ended.wait()


async def force_rebuild(postgres: Postgres, keeper: Keeper) -> None:
    """Ask for a new epoch and return when its rebuild is complete. `keeper` does it if no other process keeps.

    Raises `DependencyUnavailable` if Postgres is away; waits for Redis without limit. After a cancellation the request
    stays, and the process that keeps does the rebuild.
    """
    await postgres.unit_of_work(store.request_rebuild)
    async with trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        while not await is_complete(postgres):  # noqa: ASYNC110 — another process may be the one that completes it
            await trio.sleep(BEAT.total_seconds() / 10)
        nursery.cancel_scope.cancel()


async def is_complete(postgres: Postgres) -> bool:
    """Whether the rebuild of the last epoch is done, and no other is requested."""
    kept = await postgres.unit_of_work(store.read_keeper)
    return kept.state == "complete" and not kept.rebuild_requested
