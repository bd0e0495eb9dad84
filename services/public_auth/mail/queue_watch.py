"""Looks at the mail queue for the metrics: how deep, how old."""

from services.public_auth.mail.metrics import show_queue
from services.public_auth.store.deliveries import read_queue_state
from shared.io.postgres import Postgres


class QueueWatch:
    """One per process; each shows the one queue that all share."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Look once; nothing is ever left to do at once."""
        show_queue(await self._postgres.unit_of_work(read_queue_state))
        return 0
