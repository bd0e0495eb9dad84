"""The command line's connection to Postgres: as the schema's owner, on plain asyncio."""

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

PATIENCE = timedelta(minutes=10)  # the longest a statement may take; migrations of large tables are slow
CONNECT_TIMEOUT = timedelta(seconds=10)
FAULTS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""The exceptions of asyncpg and of the network that a command reports as one sentence."""


@asynccontextmanager
async def connect(dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection to the first host that accepts one, with `authsession` as its schema.

    Raises `StartFailure` with every host's reason if none accepts.
    """
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
    """The DSN of AUTHSESSION_POSTGRES_DIRECT_DSN, else of AUTHSESSION_POSTGRES_DSN, else of the `up` in `folder`.

    Raises `StartFailure` if there is none, and `ConfigurationError` if a variable holds no valid DSN.
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
    """The first line of the fault's message: further lines may quote rows or e-mail addresses."""
    return str(fault).splitlines()[0] if str(fault) else type(fault).__name__


def credentials(dsn: str) -> tuple[str, str]:
    """User and password of a DSN; each is empty if the DSN names none."""
    url = urlsplit(dsn)
    query = dict(parse_qsl(url.query))
    return unquote(url.username or "") or query.get("user", ""), unquote(url.password or "") or query.get(
        "password", ""
    )


def with_credentials(dsn: str, user: str, password: str) -> str:
    """The DSN with another user and password; servers, database and options stay."""
    url = urlsplit(dsn)
    hosts = url.netloc.rpartition("@")[2]
    query = [(name, value) for name, value in parse_qsl(url.query) if name not in ("user", "password")]
    return urlunsplit(
        url._replace(netloc=f"{user}:{quote(password, safe='')}@{hosts}", query=urlencode(query, safe="/,"))
    )
