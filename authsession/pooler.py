"""`doctor` checks whether a pooler in transaction mode stands before Postgres.

Such a pooler must keep prepared statements, and the process must also know a direct way to Postgres.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from authsession.database import FAULTS, reason
from authsession.finding import Finding
from authsession.spelling import typed
from shared.db.role_settings import ROLE_SETTINGS
from shared.io.postgres_connect import connect_to_first
from shared.io.postgres_dsn import Target, connect_targets
from shared.kernel.entropy import SystemEntropy

_TRIES = 5
_TIMEOUT = timedelta(seconds=10)
_STATEMENT_TIMEOUT = 5.0

_Kind = Literal["none", "forgets statements", "keeps statements"]


async def pooler_findings(dsn: str, direct_dsn: str | None) -> list[Finding]:
    """Findings about a pooler; empty if each connection has its own session. Raises `ConfigurationError`."""
    targets = [replace(each, settings={}) for each in connect_targets(dsn, "authsession-doctor", _TIMEOUT, _TIMEOUT)]
    try:
        kind = await _kind(targets)
        if kind == "none":
            return []
        if kind == "forgets statements":
            cure = (
                "use pgbouncer 1.21 or later with max_prepared_statements, or its pool_mode=session, or name Postgres "
                "itself in AUTHSESSION_POSTGRES_DSN"
            )
            return [Finding("fail", "a pooler in transaction mode that keeps no prepared statements", cure)]
        if direct_dsn is None:
            cure = "set AUTHSESSION_POSTGRES_DIRECT_DSN to the same database without the pooler"
            return [Finding("fail", "a pooler in transaction mode", cure)]
        return [await _settings_of_role(targets)]
    except FAULTS as fault:
        return [Finding("fail", "Postgres cannot be reached", f"{reason(fault)}; correct AUTHSESSION_POSTGRES_DSN")]


async def _kind(targets: Sequence[Target]) -> _Kind:
    """Opens two connections: does the second get the first one's session, and does that session keep statements?"""
    async with _opened(targets) as first, _opened(targets) as second:
        for _ in range(_TRIES):
            async with first.transaction():
                session = await _session(first)
                statement = await first.prepare("select true", name=f"doctor_{SystemEntropy().token_bytes(8).hex()}")
            async with second.transaction():
                if await _session(second) == session:
                    return "keeps statements" if await _is_kept(statement) else "forgets statements"
    return "none"


async def _is_kept(statement: "PreparedStatement[asyncpg.Record]") -> bool:
    """Runs the statement while another transaction holds the session in which it was prepared."""
    try:
        return await statement.fetchval(timeout=_STATEMENT_TIMEOUT)
    except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError):
        return False


async def _session(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("select pg_backend_pid()")


async def _settings_of_role(targets: Sequence[Target]) -> Finding:
    """Whether the role has the settings of `migrate`. Through a pooler, only settings of the role apply."""
    async with _opened(targets) as connection, connection.transaction():
        role = await connection.fetchval("select current_user::text")
        expected = ROLE_SETTINGS.get(role, {})
        missing = [
            name
            for name, value in expected.items()
            if await connection.fetchval("select reset_val from pg_settings where name = $1", name) != value
        ]
    if not expected or missing:
        cure = f"run `{typed('migrate')}` as a user who may alter both roles, and let the services log in as them"
        return Finding("fail", f"behind the pooler the role {role} lacks its settings", cure)
    return Finding("ok", "a pooler in transaction mode, and a direct way to Postgres")


@asynccontextmanager
async def _opened(targets: Sequence[Target]) -> AsyncGenerator[asyncpg.Connection]:
    """A connection that names no statement by itself: in a shared session such a name could collide."""
    nameless = [replace(target, arguments={**target.arguments, "statement_cache_size": 0}) for target in targets]
    connection = await connect_to_first(nameless)
    try:
        yield connection
    finally:
        connection.terminate()
