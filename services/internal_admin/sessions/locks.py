"""Locks that are given back when they turn out to be on the wrong row."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

T = TypeVar("T")


class WrongRow(Exception):
    """The locked row is no longer the wanted one: another transaction changed it during the wait."""


async def lock_the_right_row(connection: asyncpg.Connection, attempt: Callable[[], Awaitable[T]]) -> T:
    """Run `attempt`, which locks a row, until it does not raise `WrongRow`; return its result.

    Call it inside a transaction. Locks of a failed attempt are released before the next one. A transaction that kept
    them while it waits for a row of a lower id could deadlock with another.
    """
    while True:
        try:
            async with connection.transaction():
                return await attempt()
        except WrongRow:
            continue
