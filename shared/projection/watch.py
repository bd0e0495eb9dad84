"""Looks at what waits to be written to Redis, for the metrics: also where, and when, nobody can write."""

from shared.io.postgres import Postgres
from shared.projection import metrics, store


class OutboxWatch:
    """One per process; each shows the one outbox that all share."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Look once; nothing is ever left to do at once. Raises `DependencyUnavailable("postgres")`."""
        backlog = await self._postgres.unit_of_work(store.read_backlog)
        metrics.OUTBOX_DEPTH.set(backlog.changes)
        metrics.OUTBOX_AGE.set(backlog.oldest.total_seconds())
        return 0
