"""Erases sealed codes that have expired (SPEC §7.2), and abandons mails whose code has ended.

A successful login erases its own code at once.
"""

from services.public_auth.mail.metrics import count_abandoned
from services.public_auth.store.deliveries import abandon_ended_deliveries, erase_ended_codes
from shared.io.postgres import Postgres

BATCH = 500


class Eraser:
    """The step of the worker. Any number of processes may run it."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Erases one batch of codes and abandons one batch of mails. Returns the number of both."""
        abandoned = await self._postgres.unit_of_work(abandon_ended_deliveries, limit=BATCH)
        count_abandoned(abandoned)
        return abandoned + await self._postgres.unit_of_work(erase_ended_codes, limit=BATCH)
