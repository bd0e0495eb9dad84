"""A circuit breaker: it stops calls of a server that is down, and lets single calls find out when it is back.

Each process has its own. It spares the server the load and our callers the wait; no decision depends on it.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

import trio


class NeighbourDown(Exception):
    """The server did not answer, or answered that it cannot serve. Code inside `Circuit.call` raises it."""


class CircuitOpen(Exception):
    """The call was not made. After `retry_after` the next one may be."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("the circuit is open")
        self.retry_after = retry_after


class Circuit:
    """Closed until `failures` calls in a row raise `NeighbourDown`, then open for `cool_down`, then half-open.

    Half-open, it lets one call through. Success closes the circuit; failure opens it for another `cool_down`.
    """

    def __init__(self, *, failures: int = 5, cool_down: timedelta = timedelta(seconds=1)) -> None:
        self._threshold = failures
        self._cool_down = cool_down.total_seconds()
        self._failures = 0
        self._closed_from = 0.0
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        """Whether the server counts as down. True until a call succeeds, also while the circuit is half-open."""
        return self._failures >= self._threshold

    @contextmanager
    def call(self) -> Generator[None]:
        """Wrap one call. Raises `CircuitOpen` before the call if the circuit does not let it through.

        `NeighbourDown` counts as a failure and is raised. A return or any other `Exception` counts as a success, and a
        cancelled call as neither.
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
