"""The loop around a guarded write: decide on what was read, write if it is unchanged, else decide again.

First without a lock, which is two round trips; then inside a transaction that holds the e-mail's row, so that an
attacker who keeps changing it cannot keep the owner out.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from shared.io.queries import Bound
from shared.kernel.faults import InvariantBroken
from shared.lifecycle.batching import DecidedAgain

T = TypeVar("T")

# Under the lock only wrong codes of a challenge can still change what was read: five of them, and it is over.
_ATTEMPTS_UNDER_LOCK = 8


async def until_written(
    connection: asyncpg.Connection,
    attempt: Callable[[], Awaitable[T | DecidedAgain]],
    lock_email: Bound,
) -> T:
    """Return the first outcome of `attempt` that is not `DecidedAgain`."""
    outcome = await attempt()
    if not isinstance(outcome, DecidedAgain):
        return outcome
    async with connection.transaction():
        await connection.execute(*lock_email)
        for _ in range(_ATTEMPTS_UNDER_LOCK):
            outcome = await attempt()
            if not isinstance(outcome, DecidedAgain):
                return outcome
    raise InvariantBroken("a guarded write kept missing while the e-mail's row was locked")
