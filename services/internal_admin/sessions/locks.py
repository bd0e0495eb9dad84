"""Store: locks that are given back when they turn out to be the wrong ones."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

T = TypeVar("T")


class WrongRow(Exception):
    """What was locked is no longer what was looked for: another transaction changed it while we waited."""


async def lock_the_right_row(connection: asyncpg.Connection, attempt: Callable[[], Awaitable[T]]) -> T:
    """The result of `attempt`, which locks; inside a transaction. Again while it raises `WrongRow`.

    What an attempt locked in vain is unlocked before the next one: whoever keeps a row while they wait for one of a
    lower id can wait for somebody who waits for them.
    """
    while True:
        try:
            async with connection.transaction():
                return await attempt()
        except WrongRow:
            continue
