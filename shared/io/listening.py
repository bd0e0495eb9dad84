"""Hears notifications of Postgres (`NOTIFY`) on a connection of its own, so that a waiting worker acts at once.

A notification is only a wake-up. It may be lost with the connection, so the worker also looks from time to time.

Every role may notify any channel, and each notification costs the loop that hears it. So a listener that hears too many
hangs up, and does not listen for a while.
"""

import logging
from collections.abc import Callable
from typing import Any, Never

import asyncpg
import trio

from shared.io.postgres import Postgres
from shared.kernel.faults import DependencyUnavailable

_PROBE_SECONDS = 5.0
_RETRY_SECONDS = 1.0
MAX_A_SECOND = 200
REST_SECONDS = 5.0
"""How long nothing is heard after more than `MAX_A_SECOND` notifications."""

_log = logging.getLogger("authsession.io.listening")


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
            flood = _Flood()
            try:
                await self._listen(flood)
            except DependencyUnavailable:
                if flood.is_one:
                    _log.error("too many notifications: nothing is heard for a while")
                await trio.sleep(REST_SECONDS if flood.is_one else _RETRY_SECONDS)

    async def _listen(self, flood: "_Flood") -> Never:
        """Listen on one connection until it fails."""
        has_ended = trio.Event()
        async with self._postgres.own_connection() as connection:
            await connection.unit_of_work(_begin, self._channel, self._on_notice, has_ended.set, flood)
            self._on_notice()  # for the notifications of the time without a connection
            while True:
                with trio.move_on_after(_PROBE_SECONDS):
                    await has_ended.wait()
                await connection.unit_of_work(_probe)


class _Flood:
    """Counts the notifications of a second."""

    def __init__(self) -> None:
        self._began = trio.current_time()
        self._count = 0
        self.is_one = False

    def count(self) -> bool:
        """Count one. True: they are too many."""
        now = trio.current_time()
        if now - self._began > 1.0:
            self._began, self._count = now, 0
        self._count += 1
        self.is_one = self.is_one or self._count > MAX_A_SECOND
        return self.is_one


async def _begin(
    connection: asyncpg.Connection,
    channel: str,
    on_notice: Callable[[], None],
    on_end: Callable[[], None],
    flood: _Flood,
) -> None:
    def heard(*_: Any) -> None:
        if not flood.is_one:
            on_notice()
            if flood.count():
                connection.terminate()

    def ended(*_: Any) -> None:
        on_end()

    connection.add_termination_listener(ended)
    await connection.add_listener(channel, heard)


async def _probe(connection: asyncpg.Connection) -> None:
    await connection.fetchval("select 1")
