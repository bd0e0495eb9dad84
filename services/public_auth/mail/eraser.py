"""Erases sealed codes whose life is over: a dump holds no code (SPEC §7.2). Success erases its own at once."""

from functools import partial

from services.public_auth.store.deliveries import erase_ended_codes
from shared.io.postgres import Postgres

BATCH = 500


class Eraser:
    """Any number may run."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Erase one batch; returns how many codes it erased."""
        return await self._postgres.unit_of_work(partial(erase_ended_codes, limit=BATCH))
