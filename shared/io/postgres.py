"""Postgres for trio: a pool that opens lazily, units of work, and an advisory lock held by a connection of its own.

One crossing per unit of work, shielded and bounded from the inside. This room knows no table; driver and OS faults
become `DependencyUnavailable("postgres")` here and nowhere else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

import asyncpg
import trio

from shared.io import aio
from shared.io.postgres_dsn import connect_arguments
from shared.kernel.faults import DependencyUnavailable

T = TypeVar("T")
Body = Callable[[asyncpg.Connection], Awaitable[T]]

ATTEMPTS = 3
_RETRIED = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,  # a migration changed the result type of a cached statement
    asyncpg.OutdatedSchemaCacheError,
)
# SQLSTATE classes (https://www.postgresql.org/docs/current/errcodes-appendix.html) that say "this database cannot
# serve this release now". All others (22 data, 23 constraint, 42601 syntax, P0001 raise, ...) are the caller's.
_UNAVAILABLE_CLASSES = frozenset({"08", "28", "3D", "3F", "40", "53", "55", "57", "58"})
_UNAVAILABLE_STATES = frozenset({
    "25006",  # read_only_sql_transaction: a standby, or a primary that became one
    "25P03",  # idle_in_transaction_session_timeout
    "42501", "42703", "42883", "42P01",  # grants, columns, functions or tables of another release, or of none yet
})  # fmt: skip

_log = logging.getLogger(__name__)


class _Connection(asyncpg.Connection):
    """Nothing here ever sets session state, so a release needs no reset query and costs no round trip.

    (asyncpg still rolls back a transaction that was left open.)
    """

    def get_reset_query(self) -> str:
        return ""


class Postgres:
    """Units of work on a pool. One object per process, made by `open_postgres`."""

    def __init__(self, pool: asyncpg.Pool, connect: Callable[[], Awaitable[asyncpg.Connection]], *,
                 acquire_timeout: timedelta, unit_timeout: timedelta) -> None:  # fmt: skip
        self._pool = pool
        self._connect = connect
        self._acquire_timeout = acquire_timeout.total_seconds()
        self._unit_timeout = unit_timeout.total_seconds()

    async def unit_of_work(self, body: Body[T]) -> T:
        """Run `body` with a connection of the pool, in asyncio, and return what it returns.

        There is no implicit transaction: a single statement commits by itself, more need `connection.transaction()`.
        `body` awaits nothing but its connection, and must be idempotent when rolled back: it is repeated after a
        deadlock or serialization failure (at most `ATTEMPTS` runs). Cancellation comes before the first statement or
        after the last, never between. Ends within `acquire_timeout` + `unit_timeout`.

        Raises `DependencyUnavailable("postgres")` when the database cannot serve (away, paused, read-only, full, not
        migrated; the outcome of the unit is then unknown). Constraint violations and whatever else `body` raises
        pass unchanged, but for the row's values, which are taken out of them.
        """
        return await aio.call(self._unit_of_work, body)

    async def _unit_of_work(self, body: Body[T]) -> T:
        async def once() -> T:
            connection = await self._acquire()
            try:
                return await _run(connection, body)
            finally:
                await self._pool.release(connection, timeout=self._acquire_timeout)

        return await _repeated(once, self._acquire_timeout + self._unit_timeout)

    async def _acquire(self) -> asyncpg.Connection:
        try:
            return cast(asyncpg.Connection, await self._pool.acquire(timeout=self._acquire_timeout))
        except _CONNECT_FAULTS as fault:
            raise _unavailable(fault) from fault

    @asynccontextmanager
    async def exclusive(self, lock_id: int) -> AsyncIterator["Exclusive | None"]:
        """Try to take the session-level advisory lock `lock_id` on a connection of its own; None if another holds it.

        Never waits for the lock. Raises `DependencyUnavailable("postgres")` if the database cannot be reached. The
        lock is given back on leaving, cancelled or not.
        """
        connection = await aio.call(self._try_lock, lock_id)
        if connection is None:
            yield None
            return
        try:
            yield Exclusive(connection, self._unit_timeout)
        finally:
            with trio.CancelScope(shield=True):
                await aio.call(_close, connection)

    async def _try_lock(self, lock_id: int) -> asyncpg.Connection | None:
        try:
            connection = await self._connect()
        except _CONNECT_FAULTS as fault:
            raise _unavailable(fault) from fault
        held = False
        try:
            held = await _run(connection, lambda lock: lock.fetchval("select pg_try_advisory_lock($1)", lock_id))
        finally:
            if not held:
                await _close(connection)
        return connection if held else None


class Exclusive:
    """Proof of an advisory lock: the connection that holds it. For one task at a time."""

    def __init__(self, connection: asyncpg.Connection, unit_timeout: float) -> None:
        self._connection = connection
        self._unit_timeout = unit_timeout

    async def unit_of_work(self, body: Body[T]) -> T:
        """As `Postgres.unit_of_work`, on the connection that holds the lock: what succeeds here was done holding it.

        After a fault the connection is closed: the lock is lost, each further call raises `DependencyUnavailable`.
        """
        return await aio.call(_repeated, lambda: _run(self._connection, body), self._unit_timeout)


@asynccontextmanager
async def open_postgres(
    dsn: str,
    *,
    application_name: str,
    pool_size: int = 10,
    acquire_timeout: timedelta = timedelta(seconds=3),
    unit_timeout: timedelta = timedelta(seconds=5),
) -> AsyncIterator[Postgres]:
    """A pool of at most `pool_size` connections to `dsn` (a libpq URL), each opened when first needed.

    Does not connect: a process starts without Postgres, and recovers by itself when it comes (back). Raises
    `ConfigurationError` for a DSN that can never work. On leaving, units of work that still run have `unit_timeout` to
    end; then every connection is cut.
    """
    arguments = connect_arguments(dsn, application_name, acquire_timeout, unit_timeout)
    pool = await aio.call(_create_pool, pool_size, arguments)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(**arguments)

    try:
        yield Postgres(pool, connect, acquire_timeout=acquire_timeout, unit_timeout=unit_timeout)
    finally:
        with trio.CancelScope(shield=True):
            await aio.call(_close_pool, pool, unit_timeout.total_seconds())


# From here on: asyncio.

_CONNECT_FAULTS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def _repeated(once: Callable[[], Awaitable[T]], timeout: float) -> T:
    try:
        async with asyncio.timeout(timeout):
            for attempt in range(1, ATTEMPTS):
                try:
                    return await once()
                except _RETRIED:
                    await asyncio.sleep(0.01 * attempt)
            return await once()
    except TimeoutError as fault:
        raise _unavailable(fault) from fault
    except asyncpg.PostgresError as error:
        error.detail = None  # "Key (email)=(...) already exists", "Failing row contains (...)": never into a log
        if _is_unavailable(error):
            raise _unavailable(error) from error
        raise


async def _run(connection: asyncpg.Connection, body: Body[T]) -> T:
    """Run `body`; cut a connection whose state is unknown, so that it is never used again."""
    try:
        return await body(connection)
    except asyncio.CancelledError:  # `unit_timeout`
        _cut(connection)
        raise
    except OSError as fault:  # connection reset; TimeoutError of `command_timeout`
        _cut(connection)
        raise _unavailable(fault) from fault
    except asyncpg.ReadOnlySQLTransactionError:
        _cut(connection)  # reconnecting finds the new primary
        raise
    except asyncpg.InterfaceError as fault:
        if _is_lost(connection):
            raise _unavailable(fault) from fault
        raise


def _cut(connection: asyncpg.Connection) -> None:
    if not _is_lost(connection):
        connection.terminate()


def _is_lost(connection: asyncpg.Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool took a broken connection back already
        return True


def _is_unavailable(error: asyncpg.PostgresError) -> bool:
    state = error.sqlstate or ""
    return state[:2] in _UNAVAILABLE_CLASSES or state in _UNAVAILABLE_STATES


def _unavailable(fault: Exception) -> DependencyUnavailable:
    """The kind of the fault is logged, never its text: that may quote an address or a row."""
    _log.warning("postgres is unavailable: %s %s", type(fault).__name__, getattr(fault, "sqlstate", ""))
    return DependencyUnavailable("postgres")


async def _create_pool(size: int, arguments: dict[str, Any]) -> asyncpg.Pool:
    # min_size=0 is what makes it lazy: asyncpg connects `min_size` connections, and fails if it cannot.
    return await asyncpg.create_pool(min_size=0, max_size=size, connection_class=_Connection, **arguments)


async def _close_pool(pool: asyncpg.Pool, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            await pool.close()  # a close that fails or is cancelled terminates every connection itself
    except _CONNECT_FAULTS as fault:
        _log.warning("postgres connections were cut on closing: %s", type(fault).__name__)


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=1)
    except _CONNECT_FAULTS:
        connection.terminate()
