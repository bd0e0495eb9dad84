"""Postgres for trio: units of work on pooled connections or on a connection of their own.

A unit of work crosses into asyncio once, shielded, and ends by its own timeouts. Only this module turns faults of the
driver and the system into `DependencyUnavailable("postgres")`. Reasons against asyncpg's own pool:
docs/decisions/0001-postgres-crossing.md.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Concatenate, ParamSpec, TypeVar

import asyncpg
import trio

from shared.io import aio
from shared.io.pool_metrics import record_wait, watch_pool
from shared.io.postgres_connect import Server
from shared.io.postgres_dsn import connect_targets
from shared.kernel.faults import DependencyUnavailable
from shared.telemetry import tracing

P = ParamSpec("P")
T = TypeVar("T")
Unit = Callable[Concatenate[asyncpg.Connection, P], Awaitable[T]]
"""A unit of work: a function of a connection and of further arguments."""
Body = Callable[[asyncpg.Connection], Awaitable[T]]
"""A unit of work with its arguments bound, so that it takes only a connection."""

ATTEMPTS = 3
_RETRIED = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,  # a migration changed the result type of a cached statement
    asyncpg.OutdatedSchemaCacheError,
)
_BROKEN = (
    OSError,
    asyncpg.InternalClientError,  # the server closed the connection while a statement was on its way
    asyncpg.PostgresWarning,  # an error with the SQLSTATE of a warning
)
# SQLSTATE classes (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_OF_THE_CALLER = ("22", "23")
"""Classes of errors in a statement's own values: data and constraints. Every other error of a server or pooler means an
unavailable database."""
_EXPECTED_CLASSES = frozenset({"08", "28", "3D", "3F", "40", "53", "55", "57", "58"})
_EXPECTED_STATES = frozenset({
    "25006",  # read_only_sql_transaction: a standby, or a primary that became one
    "25P03",  # idle_in_transaction_session_timeout
    "42501", "42703", "42883", "42P01",  # grants, columns, functions or tables of another release, or of none yet
})  # fmt: skip
"""Errors after which the connection can still be used. After any other, such as a prepared statement that a pooler
lost, it is closed."""

_CURES = {
    "28P01": "the password is refused: correct AUTHSESSION_POSTGRES_DSN",
    "28000": "the user is refused: correct AUTHSESSION_POSTGRES_DSN, or pg_hba.conf of the server",
    "3D000": "the database does not exist: make it, or correct AUTHSESSION_POSTGRES_DSN",
    "3F000": "the schema is missing: run `authsession migrate` as its owner",
    "42P01": "the schema is missing or older than this program: run `authsession migrate` as its owner",
    "42501": "the role lacks rights: run `authsession migrate` as the schema's owner",
    "53100": "the disk of the server is full: make room",
    "53300": "the server has no free connection: raise its max_connections, or lower the pool sizes",
}
"""The cure for an operator, by SQLSTATE."""

_log = logging.getLogger("authsession.io.postgres")


class Postgres:
    """Runs units of work on at most `pool_size` connections. Made by `open_postgres`.

    A connection is opened when first needed. No unit sets session state, so the next one needs no reset and saves a
    round trip.
    """

    def __init__(
        self,
        server: Server,
        direct: Server,
        *,
        pool_size: int,
        acquire_timeout: timedelta,
        unit_timeout: timedelta,
    ) -> None:
        self._server = server
        self._direct = direct
        self._acquire_timeout = acquire_timeout.total_seconds()
        self._unit_timeout = unit_timeout.total_seconds()
        self._pool_size = pool_size
        self._free = trio.Semaphore(pool_size)
        self._idle: list[asyncpg.Connection] = []  # the one used last is used next, as its prepared statements are warm

    async def unit_of_work(self, function: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in asyncio with a connection and these arguments, and return its result.

        * Transactions: none is implicit. A single statement commits by itself; more need `connection.transaction()`.
        * `function` may await only its connection.
        * Repeats: a deadlock or a serialization failure repeats `function`, up to `ATTEMPTS` runs. So a run that was
          rolled back must leave no effect.
        * Cancellation takes effect before the first statement or after the last, never between.
        * Time: at most twice `acquire_timeout`, for a free connection and for connecting, and once `unit_timeout`. Then
          the connection is closed under `function`.

        Raises `DependencyUnavailable("postgres")` if the database cannot serve (away, paused, read-only, full, not
        migrated) or gives an unexpected error. The outcome of the unit is then unknown. Errors of data and constraints
        are raised without the row's values; exceptions of `function` itself are raised unchanged.
        """
        with tracing.unit_of_work(function):
            await self._wait_for_free_connection()
            try:
                return await aio.call(self._unit_of_work, lambda connection: function(connection, *args, **kwargs))
            finally:
                self._free.release()

    async def _wait_for_free_connection(self) -> None:
        try:
            self._free.acquire_nowait()
        except trio.WouldBlock:
            await self._wait_for_others()

    async def _wait_for_others(self) -> None:
        asked_at = trio.current_time()
        with trio.move_on_after(self._acquire_timeout) as patience:
            await self._free.acquire()
        record_wait(trio.current_time() - asked_at, in_vain=patience.cancelled_caught)
        if patience.cancelled_caught:
            raise _unavailable("no free connection")

    async def _unit_of_work(self, body: Body[T]) -> T:
        connection = self._idle_connection() or await _connected(self._server)
        try:
            return await _bounded(connection, body, self._unit_timeout)
        except DependencyUnavailable as fault:
            if isinstance(fault.__cause__, asyncpg.ReadOnlySQLTransactionError):
                self._cut_idle()  # after a failover: reconnecting finds the new primary
                _cut(connection)
            raise
        finally:
            self._give_back(connection)

    def _idle_connection(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    def _give_back(self, connection: asyncpg.Connection) -> None:
        """Return the connection to the pool. An open transaction is rolled back by closing its connection."""
        if not connection.is_closed() and connection.is_in_transaction():
            _log.error("transaction left open by a unit of work")
            _cut(connection)
        if not connection.is_closed():
            self._idle.append(connection)

    def _cut_idle(self) -> None:
        while self._idle:
            _cut(self._idle.pop())

    def show_pool(self) -> None:
        """Show the pool in the metrics from now on. Only for one pool of a process, as all would share one series."""
        watch_pool(
            self._pool_size,
            in_use=lambda: self._pool_size - self._free.value,
            waiting=lambda: self._free.statistics().tasks_waiting,
        )

    async def close(self) -> None:
        """Close the connections. All units of work must have ended."""
        await asyncio.gather(*(_close(connection) for connection in self._idle))

    @asynccontextmanager
    async def own_connection(self) -> AsyncGenerator["OwnConnection"]:
        """A connection outside the pool, so that its holder never waits behind requests.

        Raises `DependencyUnavailable("postgres")` if the database cannot be reached.
        """
        connection = await aio.call(_connected, self._direct)
        try:
            yield OwnConnection(connection, self._unit_timeout)
        finally:
            with trio.CancelScope(shield=True):
                await aio.call(_close, connection)


class OwnConnection:
    """A connection outside the pool, for one task at a time."""

    def __init__(self, connection: asyncpg.Connection, unit_timeout: float) -> None:
        self._connection = connection
        self._unit_timeout = unit_timeout

    async def unit_of_work(self, function: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit of work on this connection, as `Postgres.unit_of_work` does.

        After a fault that closed the connection, each call raises `DependencyUnavailable("postgres")`.
        """
        with tracing.unit_of_work(function):
            return await aio.call(
                _bounded, self._connection, lambda connection: function(connection, *args, **kwargs), self._unit_timeout
            )


@asynccontextmanager
async def open_postgres(
    dsn: str,
    *,
    application_name: str,
    pool_size: int = 10,
    acquire_timeout: timedelta = timedelta(seconds=3),
    unit_timeout: timedelta = timedelta(seconds=5),
    settings: Mapping[str, str] = MappingProxyType({}),
    direct_dsn: str | None = None,
) -> AsyncGenerator[Postgres]:
    """A pool of at most `pool_size` connections to `dsn`, a libpq URL, with these session settings.

    With `direct_dsn`, `dsn` leads through a pooler that gives each transaction another session. Nothing is set in these
    sessions, and the settings that `migrate` gave to the role hold. Connections outside the pool use `direct_dsn`.

    It does not connect: a process starts without Postgres, and recovers by itself when Postgres is back. Raises
    `ConfigurationError` for a DSN that can never work.
    """
    pooled, direct = (
        connect_targets(each, application_name, acquire_timeout, unit_timeout, settings)
        for each in (dsn, direct_dsn or dsn)
    )
    if direct_dsn is not None:
        pooled = [replace(target, settings={}) for target in pooled]
    postgres = Postgres(
        Server(pooled),
        Server(direct),
        pool_size=pool_size,
        acquire_timeout=acquire_timeout,
        unit_timeout=unit_timeout,
    )
    try:
        yield postgres
    finally:
        with trio.CancelScope(shield=True):
            await aio.call(postgres.close)


# From here on: asyncio.


async def _connected(server: Server) -> asyncpg.Connection:
    """Connect. Every fault means an unavailable database, because the DSN was checked at start."""
    try:
        return await server.connect()
    except Exception as fault:
        raise _unavailable_by(fault, server.address) from fault


async def _bounded(connection: asyncpg.Connection, body: Body[T], seconds: float) -> T:
    """Run `body`, and close the connection after `seconds`, which ends every wait of it.

    Cancelling would not end it, because leaving a transaction block then still waits for a rollback.
    """
    timer = asyncio.get_running_loop().call_later(seconds, _cut, connection)
    try:
        return await _repeated(connection, body)
    except _BROKEN as fault:
        _cut(connection)
        raise _unavailable_by(fault) from fault
    except asyncpg.PostgresError as error:
        error.detail = None  # it quotes values, as in "Key (email)=(...) already exists", which no log may hold
        if _state(error).startswith(_OF_THE_CALLER):
            raise
        if not _is_expected(error):
            _log.error("postgres gave an unexpected answer", extra={"fault": _kind(error)})
            _cut(connection)
        raise _unavailable_by(error) from error
    except asyncpg.InterfaceError as fault:
        if connection.is_closed():
            raise _unavailable_by(fault) from fault
        raise
    except Exception as fault:
        if not _tripped_driver(fault):
            raise
        _log.error("postgres gave an unexpected answer", extra={"fault": _kind(fault)})
        _cut(connection)
        raise _unavailable_by(fault) from fault
    finally:
        timer.cancel()


def _tripped_driver(fault: Exception) -> bool:
    """Whether asyncpg itself raised the fault. Bytes that are not Postgres' protocol make it raise any exception."""
    frame = fault.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and frame.tb_frame.f_globals.get("__name__", "").partition(".")[0] == "asyncpg"


async def _repeated(connection: asyncpg.Connection, body: Body[T]) -> T:
    for attempt in range(1, ATTEMPTS):
        try:
            return await body(connection)
        except _RETRIED:
            await asyncio.sleep(0.01 * attempt)
    return await body(connection)


def _cut(connection: asyncpg.Connection) -> None:
    if not connection.is_closed():
        connection.terminate()


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=1)
    except Exception:  # noqa: BLE001 - the connection ends, whatever the server answers
        _cut(connection)


def _state(error: asyncpg.PostgresError) -> str:
    return error.sqlstate or ""


def _is_expected(error: asyncpg.PostgresError) -> bool:
    return _state(error)[:2] in _EXPECTED_CLASSES or _state(error) in _EXPECTED_STATES


def _kind(fault: Exception) -> str:
    """The type and SQLSTATE of a fault. Its text may quote an address or a row, so it is never used."""
    return f"{type(fault).__name__} {getattr(fault, 'sqlstate', None) or ''}".rstrip()


def _unavailable_by(fault: Exception, address: str | None = None) -> DependencyUnavailable:
    """Log the fault with its cure and the server's address, and return the exception to raise."""
    told = {"problem": _CURES.get(getattr(fault, "sqlstate", None) or ""), "address": address}
    return _unavailable(_kind(fault), **{name: value for name, value in told.items() if value is not None})


def _unavailable(kind: str, **more: str) -> DependencyUnavailable:
    _log.warning("postgres is unavailable", extra={"fault": kind, **more})
    return DependencyUnavailable("postgres", reason=kind)
