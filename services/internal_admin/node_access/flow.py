"""Looks nodes up: requests that arrive while a statement runs share the next one."""

from collections.abc import Sequence

from services.internal_admin.node_access.domain import KnownNode
from services.internal_admin.node_access.store import read_nodes
from shared.io.postgres import Postgres
from shared.lifecycle.batching import Gathering, Turn, Turns


class KnownNodes:
    """Asks Postgres for each request and remembers nothing, so a revocation acts on the next request everywhere.

    After an activation every node asks at once. Then a statement answers for up to 32 of them.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._lookups: Gathering[str, KnownNode | None] = Gathering(Turns(), self._together, self._alone)

    async def find(self, node_id: str) -> KnownNode | None:
        """The node; None if there is none. Raises `DependencyUnavailable("postgres")`."""
        return await self._lookups.decide(node_id)

    async def _together(self, node_ids: Sequence[str], _: Turn) -> Sequence[KnownNode | None]:
        found = await self._postgres.unit_of_work(read_nodes, node_ids)
        return [found.get(node_id) for node_id in node_ids]

    async def _alone(self, node_id: str) -> KnownNode | None:
        return (await self._together([node_id], Turn(Turns())))[0]
