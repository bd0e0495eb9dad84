"""Ends what waits for nothing: sealed codes whose life is over (SPEC §7.2), and mails whose code ended.

Success erases its own code at once.
"""

from functools import partial

from services.public_auth.mail.metrics import count_abandoned
from services.public_auth.store.deliveries import abandon_ended_deliveries, erase_ended_codes
from shared.io.postgres import Postgres

BATCH = 500


class Eraser:
    """Any number may run."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Erase and abandon one batch each; returns how many codes and mails that were."""
        abandoned = await self._postgres.unit_of_work(partial(abandon_ended_deliveries, limit=BATCH))
        count_abandoned(abandoned)
        return abandoned + await self._postgres.unit_of_work(partial(erase_ended_codes, limit=BATCH))
