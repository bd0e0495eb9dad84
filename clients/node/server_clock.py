"""The control plane's time as the node knows it, so that a node with a wrong clock still works."""

from email.utils import parsedate_to_datetime

from clients.node.machine import Clock
from clients.node.notices import ClockIsWrong, OnNotice

_NOTABLE_MS = 5_000


class ServerClock:
    """This machine's clock plus a correction. Signed times correct it for everything.

    A `Date` header, which nobody signed, corrects only the times of our own requests.
    """

    def __init__(self, clock: Clock, on_notice: OnNotice) -> None:
        self._clock = clock
        self._on_notice = on_notice
        self._offset_ms = 0.0
        self._hint_ms: float | None = None
        self._is_notable = False

    def machine_ms(self) -> float:
        """This machine's clock, uncorrected."""
        return self._clock() * 1000

    def now_ms(self) -> float:
        """The best proven time."""
        return self.machine_ms() + self._offset_ms

    def request_ms(self) -> int:
        """The time to write into a request."""
        return int(self.machine_ms() + (self._offset_ms if self._hint_ms is None else self._hint_ms))

    def learn(self, server_ms: int, *, sent_ms: float, received_ms: float) -> None:
        """The control plane's clock showed `server_ms` at a moment between two times of this machine's clock.

        Corrects only as far as that proves, so a held poll or a slow proxy shifts nothing.
        """
        earliest, latest = server_ms - received_ms, server_ms - sent_ms
        if earliest <= latest:  # else the machine's clock was set meanwhile
            self._offset_ms = min(max(self._offset_ms, earliest), latest)
            self._hint_ms = None
            self._tell(self._offset_ms)

    def hint(self, date: str | None) -> bool:
        """Takes the time of a `Date` header for later requests. Returns whether it is a time."""
        try:
            stated_ms = parsedate_to_datetime(date or "").timestamp() * 1000
        except (ValueError, TypeError, OverflowError):
            return False
        self._hint_ms = stated_ms - self.machine_ms()
        self._tell(self._hint_ms)
        return True

    def _tell(self, offset_ms: float) -> None:
        is_notable = abs(offset_ms) > _NOTABLE_MS
        if is_notable and not self._is_notable:
            self._on_notice(ClockIsWrong(round(-offset_ms / 1000, 1)))
        self._is_notable = is_notable
