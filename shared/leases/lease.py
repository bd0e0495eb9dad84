"""A lease of Postgres: one holder of all processes, for as long as it renews. Each unit of work renews it.

Why not an advisory lock: docs/decisions/0045-postgres-in-the-field.md.
"""

import functools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import asyncpg
import trio

from shared.io import queries
from shared.io.postgres import Body, OwnConnection, Postgres
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import DependencyUnavailable

T = TypeVar("T")

LIFE = timedelta(seconds=4)
"""How soon after its last unit of work a holder that vanished is replaced."""
_SQL = queries.load("shared.leases")


class Lease:
    """Proof of a lease, on a connection of its own. For one task at a time."""

    def __init__(self, connection: OwnConnection, name: str, holder: UUID) -> None:
        self._connection = connection
        self._name = name
        self._holder = holder

    async def unit_of_work(self, body: Body[T]) -> T:
        """As `Postgres.unit_of_work`, in a transaction that renews the lease first: what succeeds was done holding it.

        Raises `DependencyUnavailable("postgres")` when the lease is another's by now, and ever after a lost connection.
        """
        return await self._connection.unit_of_work(_holding(self._name, self._holder, body))


@asynccontextmanager
async def lease(postgres: Postgres, name: str) -> AsyncGenerator[Lease | None]:
    """Try to take the lease `name`; None if another holds it. Never waits for it.

    Raises `DependencyUnavailable("postgres")` if the database cannot be reached. The lease is given back on leaving,
    cancelled or not; it ends by itself after `LIFE` if that cannot be done.
    """
    holder = UUID(bytes=SystemEntropy().token_bytes(16))
    async with postgres.own_connection() as connection:
        is_held = True  # as far as anybody knows, once it was asked for
        try:
            is_held = await connection.unit_of_work(functools.partial(_take, name=name, holder=holder))
            yield Lease(connection, name, holder) if is_held else None
        finally:
            if is_held:
                await _give_back(postgres, name, holder)


async def _give_back(postgres: Postgres, name: str, holder: UUID) -> None:
    with trio.CancelScope(shield=True), suppress(DependencyUnavailable):
        await postgres.unit_of_work(
            lambda connection: connection.execute(*_SQL["give_back_lease"](name=name, holder=holder))
        )


# From here on: asyncio.


def _holding(name: str, holder: UUID, body: Body[T]) -> Body[T]:
    @functools.wraps(body, assigned=("__name__", "__qualname__"), updated=())
    async def holding(connection: asyncpg.Connection) -> T:
        async with connection.transaction():
            if not await _take(connection, name=name, holder=holder):
                raise DependencyUnavailable("postgres")
            return await body(connection)

    return holding


async def _take(connection: asyncpg.Connection, *, name: str, holder: UUID) -> bool:
    return await connection.fetchval(*_SQL["take_lease"](name=name, holder=holder, life=LIFE))
