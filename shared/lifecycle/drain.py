"""Going away in order (SPEC §13.3): draining, then stopping. Knows no server; servers and readiness look at it."""

import logging
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import trio

_log = logging.getLogger("authsession.lifecycle.drain")


class Drain:
    """Where one process stands between serving and gone.

    `begin` makes `is_draining` true (readiness 503, `Connection: close`) while requests are still accepted for `delay`;
    then `stopping` is set: servers stop accepting and give what runs at most `shutdown_timeout` to finish.
    """

    def __init__(self, *, delay: timedelta, shutdown_timeout: timedelta) -> None:
        self.delay = delay
        self.shutdown_timeout = shutdown_timeout
        self.is_draining = False
        self.stopping = trio.Event()

    async def begin(self) -> None:
        """Drain for `delay`, then stop. Returns when stopping has begun."""
        self.is_draining = True
        with trio.move_on_after(self.delay.total_seconds()):
            await self.stopping.wait()
        self.stop()

    def stop(self) -> None:
        """Stop accepting at once; on repeat nothing more happens."""
        self.is_draining = True
        self.stopping.set()


async def watch_signals(drain: Drain, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Begin `drain` on the first SIGTERM or SIGINT; a second one ends the delay. Returns when stopping has begun.

    Further signals meet the default action again, so a third one ends a process that hangs.
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
