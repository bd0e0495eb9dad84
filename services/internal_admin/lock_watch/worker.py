"""The worker that ends back ends of the public role that others have waited for longer than a second (SPEC §1.2).

A thief of the public process' connection could lock the rows that its statements lock, and keep the locks.
Revocations would then wait in vain.
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
    """Run one in every internal process. It has a connection of its own, because all of the pool may be waiting."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. While Postgres is away it waits and tries again."""
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
                "Postgres sessions of the public role ended: others waited for their locks", extra={"count": ended}
            )
        await trio.sleep(IDLE.total_seconds())


async def _end_public_blockers(connection: asyncpg.Connection) -> int:
    return await connection.fetchval(*_SQL["end_public_blockers"](patience=PATIENCE))
