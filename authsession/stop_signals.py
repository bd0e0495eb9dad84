"""Ctrl-C, SIGTERM and a closed terminal all mean: stop, in order."""

import signal
from types import FrameType


class StopSignals:
    """While `interrupting`, a signal raises `KeyboardInterrupt` in the main thread; later it is only noted."""

    def __init__(self) -> None:
        self.requested = False
        self.interrupting = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def request(self) -> None:
        """As a signal would, from any thread."""
        self.requested = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self.interrupting:
            self.interrupting = False  # once: what runs next is stopping, which is not interrupted
            raise KeyboardInterrupt
