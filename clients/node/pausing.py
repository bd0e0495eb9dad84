"""How long a task waits after a failure."""

from clients.node.machine import jitter
from clients.node.settings import Timing


class Pause:
    """Exponential backoff with jitter. While the node has no configuration it stays short."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._next = timing.first_pause

    def reset(self) -> None:
        self._next = self._timing.first_pause

    def after_failure(self, retry_after: float | None = None, *, is_ready: bool) -> float:
        """Seconds to wait now. At least `retry_after` if the control plane said so."""
        seconds = self._next
        self._next = min(2 * self._next, self._timing.max_pause)
        if not is_ready:
            seconds = min(seconds, self._timing.unready_pause)
        return max(jitter(seconds), retry_after or 0.0)
