"""The process' clock, for ids, logs and measurements. Decisions use the clock of Postgres (`clock_now()`)."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of the present time."""

    def now(self) -> datetime:
        """The present instant, with the time zone UTC."""
        ...


class SystemClock:
    """The machine's clock. No other file may read it."""

    def now(self) -> datetime:
        return datetime.now(UTC)
