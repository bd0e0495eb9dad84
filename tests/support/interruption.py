"""Interruptions at the worst moment: between a public decision's read and its write."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import asyncpg

from shared.io import queries
from shared.io.postgres import Body, P, Postgres, T, Unit

Event = Callable[[], Awaitable[Any]]
_GUARDED = {
    statement.text
    for name, statement in queries.load("services.public_auth.store").items()
    if name.startswith(("write_", "hold_"))
}
"""The guarded statements: they write only if the preceding read still holds."""


class InterruptedPostgres(Postgres):
    """A Postgres that commits one of `events` before each guarded statement, until no event is left."""

    def __init__(self, postgres: Postgres, *events: Event) -> None:
        self._postgres = postgres
        self._events = list(events)

    async def unit_of_work(self, function: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def interrupted(connection: asyncpg.Connection) -> Awaitable[T]:
            return function(_interrupted(connection, self._events), *args, **kwargs)

        return await self._postgres.unit_of_work(interrupted)


class _Interrupted:
    """A connection that lets an event happen before a guarded statement."""

    def __init__(self, connection: asyncpg.Connection, events: list[Event]) -> None:
        self._connection = connection
        self._events = events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        await self._happen_before(sql)
        return await self._connection.fetch(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        await self._happen_before(sql)
        return await self._connection.fetchval(sql, *arguments)

    async def _happen_before(self, sql: str) -> None:
        if sql in _GUARDED and self._events:
            await self._events.pop(0)()


def _interrupted(connection: asyncpg.Connection, events: list[Event]) -> asyncpg.Connection:
    return cast(
        "asyncpg.Connection", _Interrupted(connection, events)
    )  # a connection in everything that callers ask of it


def elsewhere(dsn: str, body: Body[Any]) -> Event:
    """An event that runs `body` on its own connection."""
    return partial(_run, dsn, body)


async def _run(dsn: str, body: Body[Any]) -> None:
    connection = await asyncpg.connect(dsn, ssl=False, server_settings={"search_path": "authsession"})
    try:
        await body(connection)
    finally:
        await connection.close()
