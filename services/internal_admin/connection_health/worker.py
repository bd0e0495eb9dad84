"""The worker that probes accepted connections. A lease lets one process of all probe at a time (SPEC §18.3).

It takes due connections for itself before it calls them. So a killed process holds no connection for longer than the
claim, and two processes that both believe to hold the lease do not probe one connection.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from time import perf_counter
from typing import Final

import trio

from services.internal_admin.connection_health import metrics
from services.internal_admin.connection_health.domain import Change, Observed
from services.internal_admin.connection_health.store import (
    AGED_BATCH,
    PACE,
    Pace,
    Places,
    claim_due,
    count_states,
    delete_aged,
    write_observed,
)
from services.internal_admin.connections.domain import Probed, Target
from services.internal_admin.connections.probes import PROBE_SECONDS, Prober
from shared.io.postgres import Postgres
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.leases.lease import Lease, lease
from shared.lifecycle.supervision import weather

LEASE = "connection_health"
MAX_PROBES: Final = 20
"""Probes at once."""
MAX_SLOW_PROBES: Final = 15
"""Of these, probes of connections whose last probe was slow. The others never wait for them."""
TICK: Final = timedelta(seconds=1)
"""How often the worker looks for due connections. It also renews the lease by that."""
RETRY: Final = timedelta(seconds=2)
SHOWN_EVERY: Final = timedelta(seconds=10)
"""How often the gauges are set, and a batch of old rows is removed."""

_log = logging.getLogger("authsession.connection_health")


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of probing; tests shorten them."""

    pace: Pace = PACE
    tick: timedelta = TICK
    probe: timedelta = timedelta(seconds=PROBE_SECONDS)


class HealthProber:
    """Probes connections. Run one in every process; a lease lets one of them work."""

    def __init__(
        self, postgres: Postgres, keys: KeyRing, prober: Prober, entropy: Entropy, limits: Limits = Limits()
    ) -> None:
        self._postgres = postgres
        self._keys = keys
        self._prober = prober
        self._entropy = entropy
        self._limits = limits

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Probe, or wait for the lease, until cancelled. While Postgres is away it waits and tries again."""
        task_status.started()
        while True:
            with weather("connection health"):
                async with lease(self._postgres, LEASE, self._entropy) as held:
                    if held is not None:
                        await self._probe_all(held)
            await trio.sleep(RETRY.total_seconds())

    async def _probe_all(self, held: Lease) -> None:
        """Probe while the lease lasts. Its loss ends all probes that go on."""
        try:
            async with trio.open_nursery() as nursery:
                await _Turn(self._prober, self._keys, self._entropy, self._limits, held, nursery).run()
        finally:
            metrics.show({}, 0)


class _Turn:
    """The probing of one holder of the lease. `_probing` says of each connection on its way whether it was slow."""

    def __init__(
        self, prober: Prober, keys: KeyRing, entropy: Entropy, limits: Limits, held: Lease, nursery: trio.Nursery
    ) -> None:
        self._prober = prober
        self._keys = keys
        self._entropy = entropy
        self._limits = limits
        self._held = held
        self._nursery = nursery
        self._probing: dict[str, bool] = {}
        self._send, self._ended = trio.open_memory_channel[Observed](MAX_PROBES)
        self._show_at = 0.0

    async def run(self) -> None:
        while True:
            await self._start_due()
            await self._write_ended()
            if trio.current_time() >= self._show_at:
                await self._show()

    async def _start_due(self) -> None:
        """Start probes of due connections, as far as there are places. Without a place it renews the lease."""
        free, slow = MAX_PROBES - len(self._probing), sum(self._probing.values())
        places = Places(free, max(min(free, MAX_SLOW_PROBES - slow), 0), tuple(self._probing))
        for due in await self._held.unit_of_work(claim_due, self._keys, places, self._limits.pace):
            self._probing[due.target.connection_id] = due.is_slow
            self._nursery.start_soon(self._probe, due.target)

    async def _probe(self, target: Target) -> None:
        probed = await self._probed(target)
        metrics.PROBES.add(1, {"kind": target.kind, "result": probed.result})
        await self._send.send(Observed(target.connection_id, target.revision, probed.result, probed.duration_ms))

    async def _probed(self, target: Target) -> Probed:
        """The end of one probe, within the limit. No fault of it ends the process: settings must not stop log-ins."""
        started, ended = perf_counter(), Probed("timeout", "timeout", 0)
        try:
            with trio.move_on_after(self._limits.probe.total_seconds()):
                return await self._prober.probe(target.kind, target.settings, target.secrets, is_verification=False)
        except Exception as fault:  # noqa: BLE001 - of any kind; its text may hold a secret
            facts = {"kind": target.kind, "connection_id": target.connection_id, "fault": type(fault).__name__}
            _log.error("probe raised", extra=facts)
            ended = Probed("protocol_error", "protocol_error", 0)
        return replace(ended, duration_ms=round((perf_counter() - started) * 1000))

    async def _write_ended(self) -> None:
        """Wait a tick for the end of a probe, and write the results of all that ended."""
        for observed in await self._next_ended():
            change = await self._held.unit_of_work(write_observed, observed, self._limits.pace, self._entropy)
            del self._probing[observed.connection_id]
            if change is not None:
                tell(change)
                self._show_at = 0.0

    async def _next_ended(self) -> Sequence[Observed]:
        ended: list[Observed] = []
        with trio.move_on_after(self._limits.tick.total_seconds()):
            ended.append(await self._ended.receive())
        with suppress(trio.WouldBlock):
            while True:
                ended.append(self._ended.receive_nowait())
        return ended

    async def _show(self) -> None:
        counts = await self._held.unit_of_work(count_states)
        metrics.show(counts.by_state, counts.longest_wait)
        removed = await self._held.unit_of_work(delete_aged)
        pause = 0.0 if removed == AGED_BATCH else SHOWN_EVERY.total_seconds()
        self._show_at = trio.current_time() + pause


def tell(change: Change) -> None:
    """Log a change of a connection's status."""
    facts = {
        "connection_id": change.connection_id,
        "kind": change.kind,
        "before": change.before,
        "status": change.after,
        "result": change.result,
    }
    if change.after == "healthy":
        _log.info("health of a connection changed", extra=facts)
    else:
        _log.warning("health of a connection changed", extra=facts)
