"""Databases of tests. One template is migrated once and cloned for each module. The roles get their passwords as an
owner sets them.
"""

import asyncio
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

import asyncpg

from authsession.embedded.postgres import EmbeddedPostgres
from shared.db.migrate import migrate

TEMPLATE = "authsession_template"
ROLE_PASSWORD = "password-of-a-role-in-tests"
_numbers = count(1)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database, and the address at which each role reaches it."""

    server: EmbeddedPostgres
    name: str

    @property
    def owner_dsn(self) -> str:
        return self.server.dsn(self.name)

    @property
    def public_dsn(self) -> str:
        return self.role_dsn("authsession_public")

    @property
    def internal_dsn(self) -> str:
        return self.role_dsn("authsession_internal")

    @property
    def needs_direct_dsn(self) -> bool:
        """Whether the roles reach the database through a pooler in transaction mode."""
        return False

    def role_dsn(self, role: str) -> str:
        return self.direct_dsn(role)

    def direct_dsn(self, role: str) -> str:
        """The address that leads past every pooler."""
        return f"postgresql://{role}:{ROLE_PASSWORD}@127.0.0.1:{self.server.port}/{self.name}"

    def travel(self, by: timedelta) -> None:
        """Moves the deciding clock (SQL `clock_now()`) forward, for connections that open from now on."""
        self.execute(
            f"""
            do $$ begin execute format('alter database %I set authsession.clock_offset = %L', current_database(),
                (coalesce(nullif(current_setting('authsession.clock_offset', true), ''), '0')::interval
                 + '{by.total_seconds()} seconds'::interval)::text);
            end $$;
            """
        )

    def cut_connections(self) -> None:
        """Ends every connection of the two login roles. Their pools open new ones."""
        self.execute(
            """
            select pg_terminate_backend(pid, 5000) from pg_stat_activity
             where datname = current_database() and usename like 'authsession_%'
            """
        )

    def execute(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """Runs one statement as the owner, in the schema `authsession`, on a connection of its own."""
        return run_sql(self.owner_dsn, sql, *arguments)


def run_sql(dsn: str, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """Runs one statement (several, if there are no arguments) in the schema `authsession`, synchronously."""

    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(dsn, ssl=False, server_settings={"search_path": "authsession"})
        try:
            return await connection.fetch(sql, *arguments) if arguments else await _script(connection, sql)
        finally:
            await connection.close()

    return _run(run())


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs it in this thread, or in another one while Playwright's loop has this one."""
    if asyncio._get_running_loop() is None:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as other:
        return other.submit(asyncio.run, coroutine).result()


async def _script(connection: asyncpg.Connection, sql: str) -> list[asyncpg.Record]:
    if ";" in sql.rstrip().rstrip(";"):
        await connection.execute(sql)
        return []
    return await connection.fetch(sql)


def create_template(server: EmbeddedPostgres) -> str:
    """Makes a database with all migrations applied, to clone from, and returns its name. The roles can log in from now
    on.
    """
    run_sql(server.dsn(), f"create database {TEMPLATE}")

    async def apply() -> None:
        connection = await asyncpg.connect(server.dsn(TEMPLATE), ssl=False)
        try:
            await migrate(connection)
            for role in ("authsession_public", "authsession_internal"):
                await connection.execute(f"alter role {role} login password '{ROLE_PASSWORD}'")
        finally:
            await connection.close()

    _run(apply())
    return TEMPLATE


@contextmanager
def cloned_database(server: EmbeddedPostgres, template: str | None = TEMPLATE) -> Generator[Database]:
    """A fresh copy of `template`, dropped afterwards. With None it is an empty database without migrations."""
    name = f"test_{next(_numbers)}"
    copied = "" if template is None else f" template {template} strategy file_copy"
    run_sql(server.dsn(), f"create database {name}{copied}")
    try:
        yield Database(server, name)
    finally:
        if server.exit_status() is None:
            run_sql(server.dsn(), f"drop database {name} with (force)")
