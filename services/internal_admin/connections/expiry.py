"""The worker that forgets candidates which nobody corrected in time, and destroys their secrets."""

from datetime import timedelta

from services.internal_admin.connections.store import drop_expired, find_expired
from services.internal_admin.secrets.store.values import Vault
from shared.io.postgres import Postgres

BATCH = 20
IDLE = timedelta(seconds=30)


class CandidateExpiry:
    """Any number may run. Each candidate goes in a transaction of its own."""

    def __init__(self, postgres: Postgres, vault: Vault) -> None:
        self._postgres = postgres
        self._vault = vault

    async def step(self) -> int:
        """Forget a batch and return its size. Repeats are harmless. Raises `DependencyUnavailable("postgres")`."""
        names = await self._postgres.unit_of_work(find_expired, BATCH)
        for name in names:
            await self._postgres.unit_of_work(drop_expired, self._vault, name)
        return len(names)
