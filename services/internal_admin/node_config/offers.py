"""The manifests that nodes were offered: noted in memory, and written by a worker. No poll waits for that."""

from datetime import timedelta

import trio

from contracts.node.manifest import Position
from services.internal_admin.node_config.store import write_offers
from shared.io.postgres import Postgres
from shared.kernel.faults import DependencyUnavailable

IDLE = timedelta(seconds=1)
BATCH = 1000


class Offers:
    """The offers that this process has not written yet, one for a node. A crash loses them; the status follows anyway.

    `step` is that of a worker.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._noted: dict[str, tuple[Position, float]] = {}

    def note(self, node_id: str, position: Position) -> None:
        """The node is offered this manifest now."""
        self._noted[node_id] = (position, trio.current_time())

    async def step(self) -> int:
        """Write at most `BATCH` offers, and return their number."""
        batch = dict(list(self._noted.items())[:BATCH])
        if batch:
            for node_id in batch:
                del self._noted[node_id]
            await self._write(batch)
        return len(batch)

    async def _write(self, batch: dict[str, tuple[Position, float]]) -> None:
        now = trio.current_time()
        offers = [(node_id, position) for node_id, (position, _) in batch.items()]
        ages = [timedelta(seconds=now - noted_at) for _, noted_at in batch.values()]
        try:
            await self._postgres.unit_of_work(write_offers, offers, ages)
        except DependencyUnavailable:
            self._noted = batch | self._noted
            raise
