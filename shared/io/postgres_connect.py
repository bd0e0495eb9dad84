"""Opens a connection to Postgres with its session settings. For asyncio; faults of the driver are raised unchanged."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from shared.io.postgres_dsn import Target

PASSED_OVER = (OSError, asyncpg.CannotConnectNowError, asyncpg.InternalClientError)
"""Faults after which the next host is tried. The last one means that a host is not a primary."""
_MIN_TIMEOUT = 0.1


@dataclass(frozen=True, slots=True)
class Server:
    """The hosts of a DSN."""

    targets: Sequence[Target]

    @property
    def address(self) -> str:
        """The hosts as text for an operator, without secrets."""
        return ", ".join(f"{each.arguments['host']}:{each.arguments['port']}" for each in self.targets)

    async def connect(self) -> asyncpg.Connection:
        """A connection to the first host that accepts it."""
        return await connect_to_first(self.targets)


async def connect_to_first(targets: Sequence[Target]) -> asyncpg.Connection:
    """Connect to the first host that accepts. Each has a timeout; in asyncpg a silent host could use up all time."""
    *others, last = targets
    for target in others:
        try:
            return await connect_to(target)
        except PASSED_OVER:
            continue
    return await connect_to(last)


async def connect_to(target: Target) -> asyncpg.Connection:
    """Connect, and set the session settings by one statement, within the target's timeout."""
    if not target.settings:
        return await asyncpg.connect(**target.connect_arguments())
    began = asyncio.get_running_loop().time()
    connection: asyncpg.Connection = await asyncpg.connect(**target.connect_arguments())
    try:
        left = target.arguments["timeout"] - (asyncio.get_running_loop().time() - began)
        await connection.execute(_set_settings(target.settings), timeout=max(left, _MIN_TIMEOUT))
    except BaseException:
        connection.terminate()
        raise
    return connection


def _set_settings(settings: Mapping[str, str]) -> str:
    """The statement with literals. With arguments it would be prepared, which some poolers do not keep."""
    return "select " + ", ".join(
        f"set_config({_literal(name)}, {_literal(value)}, false)" for name, value in settings.items()
    )


def _literal(text: str) -> str:
    doubled = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{doubled}'"
