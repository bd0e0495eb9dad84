"""Worker: the beginning of the audit trail goes when its time is over, under a sealed checkpoint (SPEC §10.8)."""

import logging
from datetime import timedelta

from opentelemetry import metrics

from services.internal_admin.audit.domain.removal import Broken
from services.internal_admin.audit.store.removal import remove_aged_prefix
from services.internal_admin.retention.domain import LONGEST_REST, falls_behind, next_rest
from shared.io.postgres import Postgres
from shared.kernel.keyring import KeyRing

BATCH = 100
IDLE = timedelta(hours=1)

_METER = metrics.get_meter("authsession")
_REMOVED = _METER.create_counter(
    "authsession.audit.removed",
    unit="{row}",
    description="Rows of the audit trail removed at the end of their retention.",
)
_log = logging.getLogger("authsession.audit.retention")


class AuditRetention:
    """Any number may run. What is not as it was sealed is not removed, nor anything after it."""

    def __init__(self, postgres: Postgres, keys: KeyRing) -> None:
        """All keys that rows still have seals of; the newest seals the checkpoint."""
        self._postgres = postgres
        self._keys = keys
        self._rest = LONGEST_REST
        self._late: timedelta | None = None

    def rest(self) -> float:
        """For `supervise`: shorter while rows go too late, and later and later."""
        return self._rest

    async def step(self) -> int:
        """Remove a batch; how many rows. Raises `DependencyUnavailable("postgres")`; repeats are harmless."""
        removed = await self._postgres.unit_of_work(remove_aged_prefix, self._keys, limit=BATCH)
        if isinstance(removed, Broken):
            _log.error("the audit trail is not as it was sealed and stays", extra={"seq": removed.after.seq + 1})
            return 0
        _REMOVED.add(removed.rows)
        late = removed.newest_late if removed.rows == BATCH else None
        self._rest = next_rest(self._rest, falls_behind=late is not None and falls_behind(late, self._late))
        self._late = late
        return removed.rows
