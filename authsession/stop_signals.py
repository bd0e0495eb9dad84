"""Ctrl-C, SIGTERM and a closed terminal all mean: stop, in order. A second one means: at once."""

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
"""Signals this close together are one request: `make` passes on what the terminal already sent to everybody."""
LAST_WORDS_SECONDS = 5.0


class Stopped(Exception):
    """The person asked to stop while something was starting."""


class StopSignals:
    """A signal is only noted, so that nothing is torn apart; whatever waits asks here whether it should go on."""

    def __init__(self, end_at_once: Callable[[], None]) -> None:
        """`end_at_once` is called for a second signal, and must not wait: the process ends after it."""
        self.requested = False
        self._first_at = 0.0
        self._end_at_once = end_at_once
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def request(self) -> None:
        """As a signal would, from any thread."""
        self.requested = True

    def pause(self, seconds: float) -> None:
        """Sleeps. Raises `Stopped` when a signal has come."""
        deadline = time.monotonic() + seconds
        while not self.requested and (remaining := deadline - time.monotonic()) > 0:
            time.sleep(min(remaining, POLL_SECONDS))
        if self.requested:
            raise Stopped

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs it to its end on an event loop of asyncio. Raises `Stopped` when a signal has come first."""
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
