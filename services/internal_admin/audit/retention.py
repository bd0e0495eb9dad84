"""The worker that removes the oldest rows of the audit trail by their age, under a sealed checkpoint (SPEC §10.8)."""

import logging
from datetime import timedelta

from opentelemetry import metrics

from services.internal_admin.audit.domain.removal import Broken
from services.internal_admin.audit.store.removal import remove_aged_prefix
from services.internal_admin.retention.domain import MAX_REST, falls_behind, next_rest
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
    """Any number may run. A row that differs from its seal stays, and so do all rows after it."""

    def __init__(self, postgres: Postgres, keys: KeyRing) -> None:
        """`keys`: every key that a stored seal names. The newest key seals the checkpoint."""
        self._postgres = postgres
        self._keys = keys
        self._rest = MAX_REST
        self._late: timedelta | None = None

    def rest(self) -> float:
        """The rest for `supervise`. It gets shorter while rows are removed too late, and ever later."""
        return self._rest

    async def step(self) -> int:
        """Remove a batch and return its number of rows. Repeats are harmless.

        Raises `DependencyUnavailable("postgres")`.
        """
        removed = await self._postgres.unit_of_work(remove_aged_prefix, self._keys, limit=BATCH)
        if isinstance(removed, Broken):
            _log.error("audit chain is broken: no rows removed", extra={"seq": removed.after.seq + 1})
            return 0
        _REMOVED.add(removed.rows)
        late = removed.newest_late if removed.rows == BATCH else None
        self._rest = next_rest(self._rest, falls_behind=late is not None and falls_behind(late, self._late))
        self._late = late
        return removed.rows
