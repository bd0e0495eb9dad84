"""Reads the depth and the age of the mail queue for the metrics."""

from services.public_auth.mail.metrics import show_queue
from services.public_auth.store.deliveries import read_queue_state
from shared.io.postgres import Postgres


class QueueWatch:
    """The step of the worker. Each process shows the one queue that all share."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Reads the queue once. Returns 0, because no further work is ever waiting."""
        show_queue(await self._postgres.unit_of_work(read_queue_state))
        return 0
