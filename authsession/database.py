"""How the command line reaches Postgres: as the schema's owner, on one plain asyncio connection."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg

from authsession.embedded.child import StartFailure
from authsession.installation import Installation
from authsession.spelling import typed
from shared.config import variables
from shared.config.settings import Reading
from shared.io.postgres_connect import connect_to
from shared.io.postgres_dsn import Target, connect_targets

PATIENCE = timedelta(minutes=10)  # a migration may take its time
CONNECT_TIMEOUT = timedelta(seconds=10)
FAULTS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What Postgres, or the way to it, may answer with."""


@asynccontextmanager
async def connect(dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection in the schema `authsession`, to the first host that takes us. Raises `StartFailure` if none does."""
    connection = await _connected(connect_targets(dsn, "authsession-command", CONNECT_TIMEOUT, PATIENCE))
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def _connected(targets: Sequence[Target]) -> asyncpg.Connection:
    faults: list[Exception] = []
    for target in targets:
        try:
            return await connect_to(target)
        except FAULTS as fault:
            faults.append(fault)
    raise StartFailure(f"Postgres cannot be reached: {'; '.join(map(reason, faults))}")


def owner_dsn(environment: Mapping[str, str], folder: Path) -> str:
    """What AUTHSESSION_POSTGRES_DSN says, else the database of the `up` that runs in `folder`.

    Raises `StartFailure` if there is neither, `ConfigurationError` if it is no DSN.
    """
    reading = Reading(environment)
    given = reading.optional(variables.POSTGRES_DIRECT_DSN) or reading.optional(variables.POSTGRES_DSN)
    reading.finish()
    if given is not None:
        return given
    running = Installation(folder).running()
    if running is None:
        raise StartFailure(f"no database: set AUTHSESSION_POSTGRES_DSN, or run `{typed('up')}` in this folder first")
    return running.owner_dsn


def reason(fault: Exception) -> str:
    """The fault in words, without what it may quote of rows or addresses of persons."""
    return str(fault).splitlines()[0] if str(fault) else type(fault).__name__


def credentials(dsn: str) -> tuple[str, str]:
    """User and password of a DSN, each empty if it names none."""
    url = urlsplit(dsn)
    query = dict(parse_qsl(url.query))
    return unquote(url.username or "") or query.get("user", ""), unquote(url.password or "") or query.get(
        "password", ""
    )


def with_credentials(dsn: str, user: str, password: str) -> str:
    """The same servers and database, for another user."""
    url = urlsplit(dsn)
    hosts = url.netloc.rpartition("@")[2]
    query = [(name, value) for name, value in parse_qsl(url.query) if name not in ("user", "password")]
    return urlunsplit(
        url._replace(netloc=f"{user}:{quote(password, safe='')}@{hosts}", query=urlencode(query, safe="/,"))
    )
