"""A lease in Postgres, with one holder among all processes. Each unit of work of the holder renews it.

Reasons against an advisory lock: docs/decisions/0045-postgres-in-the-field.md.
"""

import functools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import ParamSpec, TypeVar
from uuid import UUID

import asyncpg
import trio

from shared.io import queries
from shared.io.postgres import OwnConnection, Postgres, Unit
from shared.kernel.entropy import Entropy
from shared.kernel.faults import DependencyUnavailable

P = ParamSpec("P")
T = TypeVar("T")

LIFE = timedelta(seconds=4)
"""The time from the last unit of work of a holder that vanished until another process can take the lease."""
_SQL = queries.load("shared.leases")


class Lease:
    """A lease that is held, with a connection of its own. For one task at a time."""

    def __init__(self, connection: OwnConnection, name: str, holder: UUID) -> None:
        self._connection = connection
        self._name = name
        self._holder = holder

    async def unit_of_work(self, function: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit of work, as `Postgres.unit_of_work` does, in a transaction that first renews the lease.

        If it succeeds, this process held the lease until the commit. Raises `DependencyUnavailable("postgres")` if
        another process has taken the lease. After a lost connection every call raises it.
        """
        return await self._connection.unit_of_work(_holding(self._name, self._holder, function), *args, **kwargs)


@asynccontextmanager
async def lease(postgres: Postgres, name: str, entropy: Entropy) -> AsyncGenerator[Lease | None]:
    """Try to take the lease `name`. Yields None at once if another process holds it.

    Raises `DependencyUnavailable("postgres")` if the database cannot be reached. Leaving gives the lease back, also
    when cancelled. If that fails, the lease ends by itself after `LIFE`.
    """
    holder = UUID(bytes=entropy.token_bytes(16))
    async with postgres.own_connection() as connection:
        is_held = True  # until the answer says otherwise: a cancelled or lost request may have taken it
        try:
            is_held = await connection.unit_of_work(_take, name, holder)
            yield Lease(connection, name, holder) if is_held else None
        finally:
            if is_held:
                with trio.CancelScope(shield=True), suppress(DependencyUnavailable):
                    await postgres.unit_of_work(_give_back, name, holder)


# From here on: asyncio.


def _holding(name: str, holder: UUID, function: Unit[P, T]) -> Unit[P, T]:
    @functools.wraps(function, assigned=("__name__", "__qualname__"), updated=())
    async def holding(connection: asyncpg.Connection, /, *args: P.args, **kwargs: P.kwargs) -> T:
        async with connection.transaction():
            if not await _take(connection, name, holder):
                raise DependencyUnavailable("postgres")
            return await function(connection, *args, **kwargs)

    return holding


async def _take(connection: asyncpg.Connection, name: str, holder: UUID) -> bool:
    return await connection.fetchval(*_SQL["take_lease"](name=name, holder=holder, life=LIFE))


async def _give_back(connection: asyncpg.Connection, name: str, holder: UUID) -> None:
    await connection.execute(*_SQL["give_back_lease"](name=name, holder=holder))
