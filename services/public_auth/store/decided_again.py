"""The loop around a guarded write: read, decide, write if the read is still current, else decide again.

The first attempt takes no lock and costs two round trips. Further attempts run in a transaction that locks the
e-mail's row, so that an attacker who keeps changing it cannot keep the owner out.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from shared.io.queries import Bound
from shared.kernel.faults import InvariantBroken
from shared.lifecycle.batching import DecidedAgain

T = TypeVar("T")

# Under the lock only wrong codes of the challenge can still change the read rows, and after five it has ended.
_ATTEMPTS_UNDER_LOCK = 8


async def until_written(
    connection: asyncpg.Connection,
    attempt: Callable[[], Awaitable[T | DecidedAgain]],
    lock_email: Bound,
) -> T:
    """Returns the first outcome of `attempt` that is not `DecidedAgain`."""
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
