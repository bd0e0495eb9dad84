"""The one room that knows asyncio's loop: everything else is trio.

asyncio drivers must not see a trio cancellation: asyncpg, cancelled inside a transaction, may hang for good or commit
what the caller believes undone (tests/integration/io/test_postgres_cancellation.py). So a crossing is shielded, and
whatever runs in it must end by its own timeouts.
"""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import trio
import trio_asyncio

P = ParamSpec("P")
T = TypeVar("T")

open_loop = trio_asyncio.open_loop
"""`async with open_loop():` outermost under `trio.run`: a task spawned outside of it fails at its first crossing."""


async def call(function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run an asyncio function to its end and return its result.

    Cancellation is delivered before the function starts, or at the caller's next checkpoint after it has ended: a result
    is never lost half-way, and `function` must bound its own time.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    with trio.CancelScope(shield=True):
        return await trio_asyncio.aio_as_trio(function)(*args, **kwargs)
