"""Hears notifications of Postgres (`NOTIFY`) on a connection of its own, so that a waiting worker acts at once.

A notification is only a wake-up. It may be lost with the connection, so the worker also looks from time to time.
"""

from collections.abc import Callable
from typing import Any, Never

import asyncpg
import trio

from shared.io.postgres import Postgres
from shared.kernel.faults import DependencyUnavailable

_PROBE_SECONDS = 5.0
_RETRY_SECONDS = 1.0


class Listener:
    """Calls `on_notice` for each notification of `channel`, and after each new connection, while `run` runs."""

    def __init__(self, postgres: Postgres, channel: str, on_notice: Callable[[], None]) -> None:
        self._postgres = postgres
        self._channel = channel
        self._on_notice = on_notice

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> Never:
        """Listen until cancelled; start it with `nursery.start`. While Postgres is away it tries once a second."""
        task_status.started()
        while True:
            try:
                await self._listen()
            except DependencyUnavailable:
                await trio.sleep(_RETRY_SECONDS)

    async def _listen(self) -> Never:
        """Listen on one connection until it fails."""
        has_ended = trio.Event()
        async with self._postgres.own_connection() as connection:
            await connection.unit_of_work(_begin, self._channel, self._on_notice, has_ended.set)
            self._on_notice()  # for the notifications of the time without a connection
            while True:
                with trio.move_on_after(_PROBE_SECONDS):
                    await has_ended.wait()
                await connection.unit_of_work(_probe)


async def _begin(
    connection: asyncpg.Connection, channel: str, on_notice: Callable[[], None], on_end: Callable[[], None]
) -> None:
    def heard(*_: Any) -> None:
        on_notice()

    def ended(*_: Any) -> None:
        on_end()

    connection.add_termination_listener(ended)
    await connection.add_listener(channel, heard)


async def _probe(connection: asyncpg.Connection) -> None:
    await connection.fetchval("select 1")
