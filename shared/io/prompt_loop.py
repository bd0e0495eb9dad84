"""An event loop for trio-asyncio with fewer steps between a driver and its socket.

trio-asyncio hands every callback to one task of the loop, through a queue. The answer to a statement goes from the task
that saw the socket readable to the loop's task, and from there to the task that asked. A cancelled timer still wakes
the loop when its time comes. In this loop the task that makes callbacks due runs them, at once and in their order.

The loop uses private names of trio-asyncio. `is_supported` therefore allows only versions with which
`tests/unit/io/test_prompt_loop.py` has passed. Any other version gets its stock loop.
Measurements: docs/decisions/0034-prompt-loop.md.
"""

# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false, reportUnknownArgumentType=false
# trio-asyncio has no types, and a method of it that only raises is inferred to return `Never`.

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar, cast

import trio
import trio_asyncio
from sniffio import thread_local as current_library

T = TypeVar("T")

TESTED_VERSIONS = frozenset({"0.16.0"})
"""Versions of trio-asyncio that have the private names of this module."""
MAX_CALLBACKS = 100
"""Maximum number of callbacks in one run, so that callbacks that make callbacks for ever leave time to other tasks."""


class PromptLoop(trio_asyncio.TrioEventLoop):
    """The event loop. Made by `make_prompt`; for one thread, like every asyncio loop."""

    _due: deque[asyncio.Handle]
    _timers: list[asyncio.TimerHandle]
    _is_running_due: bool
    _is_task_asked: bool

    async def run_promptly(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run an asyncio coroutine to its end. It reaches its first wait before any other task runs.

        No cancellation reaches the coroutine, so it must end by itself. The caller's next checkpoint is then cancelled.
        """
        if self.is_closed():
            coroutine.close()
            raise RuntimeError("Event loop is closed")
        task: asyncio.Task[T] = self._run_with_due(partial(asyncio.Task[T], coroutine, loop=self))
        if not task.done():
            task.add_done_callback(partial(_reschedule, trio.lowlevel.current_task()))
            await trio.lowlevel.wait_task_rescheduled(_go_on)
        return task.result()

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._due.append(handle)
        if not self._is_running_due:
            self._ask_task()
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self._ask_task()
        return timer

    def _ask_task(self) -> None:
        """Make the loop's own task run due callbacks and look at its timers again."""
        if not self._is_task_asked:
            self._queue_handle(asyncio.Handle(self._do_as_asked, (), self))
            self._is_task_asked = True

    def _do_as_asked(self) -> None:
        self._is_task_asked = False
        self._run_with_due(_nothing)

    def _run_with_due(self, first: Callable[[], T]) -> T:
        """Call `first`, then due callbacks, at most `MAX_CALLBACKS`. Return the result of `first`."""
        library, current_library.name = current_library.name, "asyncio"
        self._is_running_due = True
        try:
            result = first()
            for _ in range(MAX_CALLBACKS):
                if not self._due:
                    break
                handle = self._due.popleft()
                if not handle.cancelled():
                    handle._run()
            return result
        finally:
            self._is_running_due = False
            current_library.name = library
            if self._due:
                self._ask_task()

    async def _io_task(self, fd: Any, handle: Any, wait_ready: Callable[[Any], Awaitable[None]]) -> None:
        """Call the handle whenever the socket is ready, until it is cancelled."""
        with handle._scope:
            try:
                while not handle.cancelled():
                    await wait_ready(fd)
                    if not handle.cancelled():
                        self._run_with_due(handle._run)
            except Exception as fault:  # noqa: BLE001 - the loop's handler gets it
                if not handle.cancelled():  # otherwise the socket was closed first
                    handle._raise(fault)

    async def _main_loop_one(self, no_wait: bool = False) -> None:  # noqa: FBT001, FBT002 - as trio-asyncio has it
        if self._ring_timers():
            self._run_with_due(_nothing)
            await trio.lowlevel.checkpoint()  # without it, a timer that sets the next one would starve trio
        else:
            await super()._main_loop_one(no_wait)

    def _ring_timers(self) -> bool:
        """Queue the timers whose time has come, and drop cancelled ones. Return whether any was queued."""
        has_rung = False
        while self._timers and (self._timers[0].cancelled() or self._timers[0].when() <= self.time()):
            timer = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._due.append(timer)
                has_rung = True
        return has_rung


def is_supported() -> bool:
    """Whether this version of trio-asyncio was tested with `PromptLoop`."""
    return version("trio-asyncio") in TESTED_VERSIONS


def make_prompt(loop: trio_asyncio.TrioEventLoop) -> None:
    """Turn a loop of `trio_asyncio.open_loop` into a `PromptLoop`. The loop must be unused."""
    prompt = cast(PromptLoop, loop)
    prompt.__class__ = PromptLoop
    prompt._due = deque()
    prompt._is_running_due = prompt._is_task_asked = False


def _nothing() -> None:
    pass


def _reschedule(waiting: trio.lowlevel.Task, _: object) -> None:
    trio.lowlevel.reschedule(waiting)


def _go_on(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED
