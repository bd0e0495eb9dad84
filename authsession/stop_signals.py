"""SIGINT, SIGTERM and SIGHUP ask `up` to stop in order. A second signal ends it at once."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, TypeVar

from authsession.event_loop import run_async

T = TypeVar("T")

POLL_SECONDS = 0.05
ONE_PRESS_SECONDS = 0.25
"""Signals this close together count as one: `make` repeats the signal that the terminal sent to every process."""
LAST_WORDS_SECONDS = 5.0


class Stopped(Exception):
    """A signal asked to stop while something was starting."""


class StopSignals:
    """Signal handlers that only take a note. Code that waits calls `pause` or `run`, which raise `Stopped`."""

    def __init__(self, end_at_once: Callable[[], None]) -> None:
        """`end_at_once` is called at a second signal, just before the process ends. It must not wait."""
        self.requested = False
        self._first_at = 0.0
        self._end_at_once = end_at_once
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def request(self) -> None:
        """Asks to stop, as a signal would. Any thread may call it."""
        self.requested = True

    def pause(self, seconds: float) -> None:
        """Sleeps for `seconds`. Raises `Stopped` as soon as a signal has come."""
        deadline = time.monotonic() + seconds
        while not self.requested and (remaining := deadline - time.monotonic()) > 0:
            time.sleep(min(remaining, POLL_SECONDS))
        if self.requested:
            raise Stopped

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs the coroutine on an asyncio loop. A signal cancels it, and `run` raises `Stopped`."""
        return run_async(self._until_stopped(coroutine))

    async def _until_stopped(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(coroutine)
        while not task.done() and not self.requested:
            await asyncio.wait({task}, timeout=POLL_SECONDS)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task}, timeout=LAST_WORDS_SECONDS)
        raise Stopped

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first_at and now > self._first_at + ONE_PRESS_SECONDS:
            self._end_at_once()
            os._exit(128 + number)
        self._first_at = self._first_at or now
        self.requested = True
