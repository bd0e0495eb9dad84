"""Kernel: the process' clock. The time that *decides* is Postgres' (`clock_now()`), not this one."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time to whatever does not decide by it (ids, logs, measurements)."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock; this file is the only one that may read it."""

    def now(self) -> datetime:
        return datetime.now(UTC)
