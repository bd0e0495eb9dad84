"""A trio service on its own thread, for synchronous tests that need no `World`."""

import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

import trio

T = TypeVar("T")


@contextmanager
def on_a_trio_thread(serve: Callable[[trio.TaskStatus[T]], Awaitable[None]]) -> Generator[T]:
    """Yields the value that `serve` started with, and cancels `serve` on leaving."""
    started: Future[tuple[T, trio.lowlevel.TrioToken, trio.CancelScope]] = Future()

    async def run() -> None:
        try:
            async with trio.open_nursery() as nursery:
                value: T = await nursery.start(_with_status(serve))
                started.set_result((value, trio.lowlevel.current_trio_token(), nursery.cancel_scope))
        except BaseException as fault:
            if not started.done():
                started.set_exception(fault)
            raise

    thread = threading.Thread(target=trio.run, args=(run,), daemon=True)
    thread.start()
    value, token, scope = started.result(timeout=30)
    try:
        yield value
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(timeout=30)


def _with_status(serve: Callable[[trio.TaskStatus[T]], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def run(*, task_status: trio.TaskStatus[T]) -> None:
        await serve(task_status)

    return run
