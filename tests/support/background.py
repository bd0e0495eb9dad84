"""A background service in a `World`. It runs beside the world's calls, until the world ends."""

import contextvars
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import trio

T = TypeVar("T")


@asynccontextmanager
async def background(serve: Callable[[trio.TaskStatus[T]], Awaitable[None]]) -> AsyncGenerator[T]:
    """Yields the value that `serve` started with, and cancels `serve` on leaving. For `world.enter`.

    Another task leaves what `World.enter` entered, so a context manager must not hold a nursery open. The nurseries of
    `serve` live in a task of their own.
    """
    scope, finished = trio.CancelScope(), trio.Event()
    send, receive = trio.open_memory_channel[T](1)

    async def run() -> None:
        try:
            with scope:
                await serve(_Started(send))
        finally:
            finished.set()

    trio.lowlevel.spawn_system_task(run, context=contextvars.copy_context())
    try:
        yield await receive.receive()
    finally:
        scope.cancel()
        with trio.CancelScope(shield=True):
            await finished.wait()


class _Started:
    """A `trio.TaskStatus` that passes the started value on."""

    def __init__(self, send: trio.MemorySendChannel[Any]) -> None:
        self._send = send

    def started(self, value: Any = None) -> None:
        self._send.send_nowait(value)
