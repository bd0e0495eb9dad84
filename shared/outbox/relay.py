"""The one path from outbox rows to Redis (SPEC §6.3): requests hand in their rows and wait; `step` takes what is left.

One relay per process. Batches form by themselves: whatever is handed in while a batch is under way is the next one.
"""

from collections.abc import Sequence
from datetime import timedelta

import trio

from shared.io.postgres import Postgres
from shared.kernel.projection_change import ProjectionChange
from shared.outbox.projection import Projection

PUBLISH_TIMEOUT = timedelta(seconds=2)


class Relay:
    """Publishes changes of sessions. `run` must be running for `publish` to succeed."""

    def __init__(self, postgres: Postgres, projection: Projection) -> None: ...

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write batches and settle them until cancelled; then settle, within a second, what was written. Start in a nursery."""
        raise NotImplementedError

    async def publish(self, changes: Sequence[ProjectionChange], epoch: str) -> None:
        """Return when the record of every change is readable in Redis.

        `epoch` is `Projection.epoch()`, read before the transaction that made the changes. If Redis has begun another epoch
        since, the sessions are read again from Postgres. Raises `DependencyUnavailable("redis")` within `PUBLISH_TIMEOUT`
        otherwise; the outbox rows then stay, and some relay publishes them. Repeats are harmless, and so is cancellation:
        what was handed in is written all the same.
        """
        raise NotImplementedError

    async def step(self) -> int:
        """Claim a batch of rows that nobody published in time, publish the sessions as they are now, settle; how many.

        For `supervise`; any number of processes may do this at once. A claim is a lease: the rows of a process that dies
        come back. Raises `DependencyUnavailable`; the rows are then free for the next claim.
        """
        raise NotImplementedError
