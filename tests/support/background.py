"""Workers that run in a `World` beside its calls, until the world ends."""

import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def background(*workers: Callable[..., Awaitable[None]]) -> AsyncIterator[None]:
    """Each worker, started with `nursery.start`; cancelled on leaving. For `world.enter`.

    A context manager that `World.enter` enters is left by another task, so no nursery may be open across its `yield`:
    the workers' nursery lives in a task of its own.
    """
    scope, started, finished = trio.CancelScope(), trio.Event(), trio.Event()

    async def run() -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                for worker in workers:
                    await nursery.start(worker)
                started.set()
        finished.set()

    trio.lowlevel.spawn_system_task(run, context=contextvars.copy_context())
    await started.wait()
    try:
        yield
    finally:
        scope.cancel()
        await finished.wait()
