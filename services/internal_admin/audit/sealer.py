"""The worker that seals new rows of the audit trail within a second (SPEC §10.8).

Writers of the trail do not wait for it. A lease lets one process work at a time.
Reasons: docs/decisions/0025-audit-trail.md.
"""

import logging
from datetime import timedelta

import trio
from opentelemetry import metrics

from services.internal_admin.audit.domain.chain import Place
from services.internal_admin.audit.store.seals import ChainEnd, ChainMoved, Sealed, read_chain_end, seal_batch
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.leases.lease import Lease, lease
from shared.lifecycle.supervision import weather

LEASE = "sealer"
BATCH = 500
IDLE = timedelta(milliseconds=500)
RETRY = timedelta(seconds=2)
"""How soon another process takes over from a sealer that died."""
ANCHOR = timedelta(minutes=1)

_METER = metrics.get_meter("authsession")
_SEALED = _METER.create_counter("authsession.audit.sealed", unit="{row}", description="Rows of the audit trail sealed.")
_HEAD = _METER.create_gauge("authsession.audit.head", unit="{seal}", description="Number of the last seal.")
_DELAY = _METER.create_gauge(
    "authsession.audit.seal_delay", unit="s", description="How long the oldest row of the last seal had waited."
)
_log = logging.getLogger("authsession.audit.sealer")


class AuditSealer:
    """Run one in every internal process."""

    def __init__(self, postgres: Postgres, keys: KeyRing, clock: Clock, entropy: Entropy) -> None:
        """The newest key seals."""
        self._postgres = postgres
        self._key = keys.newest
        self._clock = clock
        self._entropy = entropy
        self._anchored = Place(0, b"")
        self._anchor_at = 0.0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Seal, or wait for the lease, until cancelled. Cancellation ends it between batches.

        While Postgres is away it waits and tries again.
        """
        task_status.started()
        while True:
            try:
                with weather("audit sealer"):
                    await self._try_to_seal()
            except* ChainMoved:
                _log.error("audit chain moved: another process appended to it")
            await trio.sleep(RETRY.total_seconds())

    async def _try_to_seal(self) -> None:
        async with lease(self._postgres, LEASE, self._entropy) as held:
            if held is not None:
                await self._seal(held)

    async def _seal(self, held: Lease) -> None:
        """Batch after batch, while the lease lasts."""
        end = await held.unit_of_work(read_chain_end)
        while True:
            sealed = await self._seal_batch(held, end)
            self._tell(end, sealed)
            end = sealed.end
            if sealed.looked_at < BATCH:
                await trio.sleep(IDLE.total_seconds())

    async def _seal_batch(self, held: Lease, end: ChainEnd) -> Sealed:
        now = trio.current_time()
        return await held.unit_of_work(seal_batch, end, self._key, limit=BATCH, now=now)

    def _tell(self, before: ChainEnd, sealed: Sealed) -> None:
        """Set the metrics, and log the anchor once a minute. A log that was kept proves how long the chain was."""
        place = sealed.end.place
        _SEALED.add(place.seq - before.place.seq)
        _HEAD.set(place.seq)
        _DELAY.set((self._clock.now() - sealed.oldest).total_seconds() if sealed.oldest else 0)
        if place.seq and place != self._anchored and trio.current_time() >= self._anchor_at:
            _log.info("audit trail sealed up to this anchor", extra={"seq": place.seq, "mac": place.mac.hex()})
            self._anchored, self._anchor_at = place, trio.current_time() + ANCHOR.total_seconds()
