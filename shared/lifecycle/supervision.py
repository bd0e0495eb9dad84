"""Runs a worker's step again and again, through all weather. Knows nothing of what the step does.

A step is one bounded, idempotent batch, `async def step() -> int`, that returns how many items it handled.
"""

import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Never

import asyncpg
import trio

from shared.kernel.entropy import Entropy, SystemEntropy
from shared.kernel.faults import DependencyUnavailable
from shared.lifecycle.backoff import Backoff, jittered
from shared.telemetry import tracing

BACKOFF = Backoff(first=timedelta(milliseconds=100), cap=timedelta(seconds=2))

_ENTROPY = SystemEntropy()
_log = logging.getLogger("authsession.lifecycle.supervision")


class Signal:
    """Wakes one waiting worker. Any number of calls of `notify` before a `wait` count as one."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def notify(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Return at once if there was a `notify` since the last `wait` returned."""
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
    entropy: Entropy = _ENTROPY,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> Never:
    """Run `step` until cancelled; for `nursery.start`.

    Again after a step that handled `batch` items or more: at once, or after `rest()` times as long as the step took,
    for work that must not be in anybody's way (the slower the database, the longer it is left alone). Otherwise after
    `idle` (less up to half of it, by chance) or at a `wake`. While the step meets weather it is repeated with
    exponential backoff, which `wake` does not shorten. Any other exception passes, and so ends the process.

    Cancelling is how a worker is stopped: it takes effect between steps, never inside one.
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
            _log.info("a worker goes on", extra={"worker": name})
            failures = 0
        if handled < batch:
            await _wait(wake, jittered(idle, entropy))
        else:
            await trio.sleep(rest() * (trio.current_time() - started))


@dataclass(frozen=True, slots=True)
class Worker:
    """One row of a service's table of workers; the fields are the parameters of `supervise`."""

    name: str
    step: Callable[[], Awaitable[int]]
    idle: timedelta
    batch: int = 1
    rest: Callable[[], float] = lambda: 0.0
    wake: Signal | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled."""
        await supervise(
            self.step,
            name=self.name,
            idle=self.idle,
            batch=self.batch,
            rest=self.rest,
            wake=self.wake,
            task_status=task_status,
        )


async def _run_shielded(step: Callable[[], Awaitable[int]], name: str) -> int | None:
    """What the step returned; None if a dependency was unavailable, also inside a nursery of the step."""
    await trio.lowlevel.checkpoint()
    with trio.CancelScope(shield=True), weather(name), tracing.step(name):
        return await step()
    return None


@contextmanager
def weather(worker: str) -> Generator[None]:
    """Bear what a dependency answers, also inside a nursery: the worker tries again, and its process lives.

    That a dependency is unavailable is a warning. That Postgres refuses a worker's values is an error, for somebody to
    look at; ending the process would only begin the same again.
    """
    try:
        yield
    except* DependencyUnavailable:
        _log.warning("a worker waits for a dependency", extra={"worker": worker})
    except* (asyncpg.PostgresError, asyncpg.InterfaceError) as refusals:
        _log.error("postgres refused a statement of a worker", extra={"worker": worker}, exc_info=refusals)


async def _wait(wake: Signal | None, longest: timedelta) -> None:
    with trio.move_on_after(longest.total_seconds()):
        if wake is None:
            await trio.sleep_forever()
        else:
            await wake.wait()
