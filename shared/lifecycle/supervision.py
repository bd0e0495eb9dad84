"""Runs the step of a worker again and again, also while a dependency is away.

A step, `async def step() -> int`, handles one bounded batch and returns the number of items. A repeat is harmless.
"""

import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Never

import asyncpg
import trio

from shared.kernel.entropy import Entropy
from shared.kernel.faults import DependencyUnavailable
from shared.lifecycle.backoff import Backoff, jittered
from shared.telemetry import tracing

BACKOFF = Backoff(first=timedelta(milliseconds=100), cap=timedelta(seconds=2))

_log = logging.getLogger("authsession.lifecycle.supervision")


class Signal:
    """Wakes one waiting worker. Several calls of `notify` before a `wait` count as one."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def notify(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Wait for a `notify`. Return at once if one came since the last `wait` returned."""
        await self._event.wait()
        self._event = trio.Event()


async def supervise(
    step: Callable[[], Awaitable[int]],
    *,
    name: str,
    idle: timedelta,
    wake: Signal | None = None,
    batch: int = 1,
    rest: Callable[[], float] = lambda: 0.0,
    entropy: Entropy,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> Never:
    """Run `step` until cancelled. Start it with `nursery.start`.

    * After a step that handled `batch` items or more, the next one follows at once. `rest` makes it wait, for work that
      must not disturb others: the pause is `rest()` times the duration of the step.
    * After a smaller step the next one follows after `idle`, less a jitter of up to half, or at a `wake`.
    * While a dependency is unavailable, the step is repeated with exponential backoff, which `wake` does not shorten.
    * Any other exception is raised, which ends the process.

    Cancelling stops the worker between two steps, never inside one.
    """
    task_status.started()
    failures = 0
    while True:
        started = trio.current_time()
        handled = await _run_shielded(step, name)
        if handled is None:
            await trio.sleep(jittered(BACKOFF.wait(failures), entropy).total_seconds())
            failures += 1
            continue
        if failures:
            _log.info("worker recovered", extra={"worker": name})
            failures = 0
        if handled < batch:
            await _wait(wake, jittered(idle, entropy))
        else:
            await trio.sleep(rest() * (trio.current_time() - started))


@dataclass(frozen=True, slots=True)
class Worker:
    """A row in a service's table of workers. The fields are the parameters of `supervise`."""

    name: str
    step: Callable[[], Awaitable[int]]
    idle: timedelta
    batch: int = 1
    rest: Callable[[], float] = lambda: 0.0
    wake: Signal | None = None

    async def run(self, entropy: Entropy, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the worker until cancelled; see `supervise`."""
        await supervise(
            self.step,
            name=self.name,
            idle=self.idle,
            batch=self.batch,
            rest=self.rest,
            wake=self.wake,
            entropy=entropy,
            task_status=task_status,
        )


async def _run_shielded(step: Callable[[], Awaitable[int]], name: str) -> int | None:
    """The result of the step, or None if a dependency was unavailable, also inside a nursery of the step."""
    await trio.lowlevel.checkpoint()
    with trio.CancelScope(shield=True), weather(name), tracing.step(name):
        return await step()
    return None


@contextmanager
def weather(worker: str) -> Generator[None]:
    """Log faults of dependencies instead of raising them, also from inside a nursery, so that the process lives on.

    An unavailable dependency is a warning. If Postgres refuses a worker's statement, that is an error for an operator.
    A restart of the process would only repeat it.
    """
    try:
        yield
    except* DependencyUnavailable:
        _log.warning("worker waits for a dependency", extra={"worker": worker})
    except* (asyncpg.PostgresError, asyncpg.InterfaceError) as refusals:
        _log.error("worker failed: postgres refused its statement", extra={"worker": worker}, exc_info=refusals)


async def _wait(wake: Signal | None, longest: timedelta) -> None:
    with trio.move_on_after(longest.total_seconds()):
        if wake is None:
            await trio.sleep_forever()
        else:
            await wake.wait()
