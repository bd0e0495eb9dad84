"""Opens one connection to Postgres, with its session's settings. In asyncio; faults pass as they come."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from shared.io.postgres_dsn import Target

PASSED_OVER = (OSError, asyncpg.CannotConnectNowError, asyncpg.InternalClientError)
"""What lets the next host be tried; the last: not a primary."""
_SHORTEST = 0.1


@dataclass(frozen=True, slots=True)
class Server:
    """The hosts of a DSN."""

    targets: Sequence[Target]

    @property
    def address(self) -> str:
        """Where they are, for a person; nothing secret."""
        return ", ".join(f"{each.arguments['host']}:{each.arguments['port']}" for each in self.targets)

    async def connect(self) -> asyncpg.Connection:
        """A connection to the first one that takes us."""
        return await connect_to_first(self.targets)


async def connect_to_first(targets: Sequence[Target]) -> asyncpg.Connection:
    """The first host that takes us; asyncpg would let one that says nothing use up the time of all."""
    *others, last = targets
    for target in others:
        try:
            return await connect_to(target)
        except PASSED_OVER:
            continue
    return await connect_to(last)


async def connect_to(target: Target) -> asyncpg.Connection:
    """A connection with the settings of its session, set by one statement."""
    if not target.settings:
        return await asyncpg.connect(**target.connect_arguments())
    began = asyncio.get_running_loop().time()
    connection: asyncpg.Connection = await asyncpg.connect(**target.connect_arguments())
    try:
        left = target.arguments["timeout"] - (asyncio.get_running_loop().time() - began)
        await connection.execute(_set_settings(target.settings), timeout=max(left, _SHORTEST))
    except BaseException:
        connection.terminate()
        raise
    return connection


def _set_settings(settings: Mapping[str, str]) -> str:
    """The statement, without arguments: one with arguments would be prepared, which not every pooler keeps."""
    return "select " + ", ".join(
        f"set_config({_literal(name)}, {_literal(value)}, false)" for name, value in settings.items()
    )


def _literal(text: str) -> str:
    doubled = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{doubled}'"
