"""A circuit: stops calling a neighbour that is dead, and lets one call at a time find out when it is back.

Per process, and small on purpose: it spares a dead neighbour the load and our callers the wait, and decides nothing.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

import trio


class NeighbourDown(Exception):
    """Raised inside `Circuit.call` by what talks to the neighbour: it did not answer, or said it cannot."""


class CircuitOpen(Exception):
    """The call was not made; `retry_after` is when the next one may be."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("the circuit is open")
        self.retry_after = retry_after


class Circuit:
    """Closed until `failures` calls in a row found the neighbour down; open for `cool_down`; then half-open.

    Half-open it lets one call through: its success closes the circuit, its failure opens it for another `cool_down`.
    """

    def __init__(self, *, failures: int = 5, cool_down: timedelta = timedelta(seconds=1)) -> None:
        self._threshold = failures
        self._cool_down = cool_down.total_seconds()
        self._failures = 0
        self._closed_from = 0.0
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        """Whether the last word about the neighbour is that it is down."""
        return self._failures >= self._threshold

    @contextmanager
    def call(self) -> Generator[None]:
        """Around one call. Raises `CircuitOpen` instead of making it.

        `NeighbourDown` counts against the neighbour and passes; a return, or any other `Exception`, shows that it
        lives; a cancelled call says nothing.
        """
        is_probe = self._admit()
        try:
            yield
        except NeighbourDown:
            self._count_failure()
            raise
        except Exception:
            self._failures = 0
            raise
        else:
            self._failures = 0
        finally:
            if is_probe:
                self._is_probing = False

    def _admit(self) -> bool:
        """Whether this call is the probe of a half-open circuit."""
        if not self.is_open:
            return False
        left = self._closed_from - trio.current_time()
        if left > 0 or self._is_probing:
            raise CircuitOpen(timedelta(seconds=max(left, 0.0)))
        self._is_probing = True
        return True

    def _count_failure(self) -> None:
        self._failures += 1
        if self.is_open:
            self._closed_from = trio.current_time() + self._cool_down
