"""Measures the waiting outbox rows for the metrics, also while no process can write to Redis."""

from shared.io.postgres import Postgres
from shared.projection import metrics, store


class OutboxWatch:
    """The worker that measures. Each process has one, and each shows the same outbox."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Measure once and return 0, so that the next step waits. Raises `DependencyUnavailable("postgres")`."""
        backlog = await self._postgres.unit_of_work(store.read_backlog)
        metrics.OUTBOX_DEPTH.set(backlog.changes)
        metrics.OUTBOX_AGE.set(backlog.oldest.total_seconds())
        return 0
