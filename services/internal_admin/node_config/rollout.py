"""The rollout of a pool's configuration, and the worker that shows it in the metrics (SPEC §16.5)."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.control_plane.rollout import RolloutState
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.node_config import metrics, store
from services.internal_admin.node_config.domain.head import Head
from services.internal_admin.node_config.domain.rollout import NodeInPool, NodeRollout, rollout_of
from services.internal_admin.node_config.domain.rollout import count_states as count
from shared.io.postgres import Postgres

IDLE = timedelta(seconds=10)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class PoolRollout:
    """The head of a pool, the number of its nodes in each state, and one page of its nodes."""

    head: Head
    counts: dict[RolloutState, int]
    page: Page[NodeRollout]


@dataclass(frozen=True, slots=True)
class Rollouts:
    """Reads the rollout. `step` is that of a worker, which counts all pools."""

    postgres: Postgres

    async def read(self, pool: str, after: str, limit: int) -> PoolRollout | None:
        """The rollout of a pool; None if there is no such pool."""
        read = await self.postgres.unit_of_work(store.read_head, pool)
        if read is None:
            return None
        head, now = read
        nodes = [node async for node in self._nodes(head, now)]
        listed = [node for node in nodes if node.node.node_id > after][: limit + 1]
        return PoolRollout(head, count(nodes), cut_page(listed, limit))

    async def step(self) -> int:
        """Show every pool in the metrics, and return 0, so that the next step waits."""
        for pool in await self.postgres.unit_of_work(store.read_pools):
            found = await self.read(pool, "", 0)
            if found is not None:
                metrics.show_states(pool, found.counts)
        for report in await self.postgres.unit_of_work(store.sum_reports):
            metrics.show_report(report)
        return 0

    async def _nodes(self, head: Head, now: datetime) -> AsyncGenerator[NodeRollout]:
        """All active nodes of the pool by id, in pages, so that other requests run between two pages."""
        page: Page[NodeInPool] = Page((), has_more=True)
        while page.has_more:
            after = page.items[-1].node_id if page.items else ""
            page = await self.postgres.unit_of_work(store.list_nodes, head.pool, after, _PAGE)
            for node in page.items:
                yield rollout_of(node, head, now)
