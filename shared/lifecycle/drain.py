"""Graceful shutdown (SPEC §13.3): draining, then stopping. Servers and readiness read the state from here."""

import logging
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import trio

_log = logging.getLogger("authsession.lifecycle.drain")


class Drain:
    """The shutdown state of one process.

    While `is_draining`, readiness is 503 and answers have `Connection: close`, but requests are accepted for `delay`.
    `draining` is set at the same time, so that requests that wait for an event are answered at once.
    Once `stopping` is set, servers accept nothing and give running requests at most `shutdown_timeout` to finish.
    """

    def __init__(self, *, delay: timedelta, shutdown_timeout: timedelta) -> None:
        self.delay = delay
        self.shutdown_timeout = shutdown_timeout
        self.draining = trio.Event()
        self.stopping = trio.Event()

    @property
    def is_draining(self) -> bool:
        return self.draining.is_set()

    async def begin(self) -> None:
        """Drain for `delay`, or until `stop` is called, then stop. Returns when stopping has begun."""
        self.draining.set()
        with trio.move_on_after(self.delay.total_seconds()):
            await self.stopping.wait()
        self.stop()

    def stop(self) -> None:
        """Stop accepting requests at once. A repeat does nothing."""
        self.draining.set()
        self.stopping.set()


async def watch_signals(drain: Drain, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Begin `drain` on the first SIGTERM or SIGINT; a second one ends the delay. Returns when stopping has begun.

    After that, signals have their default action again, so that one more ends a process that hangs.
    """
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        await anext(signals)
        _log.info("draining")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_at_next, signals, drain)
            await drain.begin()
            nursery.cancel_scope.cancel()
        _log.info("stopping")


async def _stop_at_next(signals: AsyncIterator[int], drain: Drain) -> None:
    await anext(signals)
    drain.stop()
