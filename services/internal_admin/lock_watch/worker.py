"""Worker: no back end of the public role stands in another's way for longer than a second (SPEC §1.2).

Whoever holds the public process' connection can lock the rows that its statements lock, and never let go: revocations
would wait for them in vain.
"""

import logging
from datetime import timedelta

import asyncpg
import trio
from opentelemetry import metrics

from shared.io import queries
from shared.io.postgres import OwnConnection, Postgres
from shared.lifecycle.supervision import weather

_SQL = queries.load("services.internal_admin.lock_watch")

PATIENCE = timedelta(seconds=1)
IDLE = timedelta(milliseconds=500)
RETRY = timedelta(seconds=2)

_ENDED = metrics.get_meter("authsession").create_counter(
    "authsession.postgres.blockers_ended",
    unit="{backend}",
    description="Postgres sessions of the public role that were ended because others waited for their locks.",
)
_log = logging.getLogger("authsession.lock_watch")


class Blockers:
    """Run one in every internal process, on a connection of its own: those of the pool may all be waiting."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. Bears Postgres being away."""
        task_status.started()
        while True:
            with weather("lock watch"):
                async with self._postgres.own_connection() as connection:
                    await _watch(connection)
            await trio.sleep(RETRY.total_seconds())


async def _watch(connection: OwnConnection) -> None:
    while True:
        ended = await connection.unit_of_work(_end_public_blockers)
        if ended:
            _ENDED.add(ended)
            _log.warning(
                "back ends of the public role were ended: others waited for their locks", extra={"count": ended}
            )
        await trio.sleep(IDLE.total_seconds())


async def _end_public_blockers(connection: asyncpg.Connection) -> int:
    return await connection.fetchval(*_SQL["end_public_blockers"](patience=PATIENCE))
