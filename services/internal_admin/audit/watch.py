"""The worker that measures how many rows of the audit trail have no seal, even where no process seals."""

from opentelemetry import metrics

from services.internal_admin.audit.store.seals import read_backlog
from shared.io.postgres import Postgres

_METER = metrics.get_meter("authsession")
_ROWS = _METER.create_gauge(
    "authsession.audit.unsealed", unit="{row}", description="Rows of the audit trail without a seal."
)
_AGE = _METER.create_gauge(
    "authsession.audit.unsealed.age", unit="s", description="Age of the oldest row of the audit trail without a seal."
)


class AuditWatch:
    """Run one in every internal process; each measures the one trail that all share."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Measure once, and return 0: no work is ever left over. Raises `DependencyUnavailable("postgres")`."""
        backlog = await self._postgres.unit_of_work(read_backlog)
        _ROWS.set(backlog.rows)
        _AGE.set(backlog.oldest.total_seconds())
        return 0
