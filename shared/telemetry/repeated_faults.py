"""Logs a repeated fault once and then counts it. The next line of its kind says how many were left out."""

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

FIRST_PAUSE, MAX_PAUSE = 10.0, 300.0
"""Seconds between two lines of a kind while its faults continue. The pause doubles each time."""
OVER_AFTER = 10.0
"""Seconds without a fault of a kind after which the next one is logged at once."""
MAX_KINDS = 1000

_KIND_FIELDS = (
    "check",
    "dependency",
    "fault",
    "names",
    "outcome",
    "problem",
    "reason",
    "signal",
    "status",
    "warning",
    "worker",
)


@dataclass(slots=True)
class _Seen:
    """The record of one kind of fault. Times are in seconds of a monotonic clock."""

    last: float
    next_line: float
    pause: float = FIRST_PAUSE
    left_out: int = 0


class Repeats:
    """Decides which of many equal events are logged: the first of a kind, then fewer and fewer."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[object, _Seen] = {}

    def forget(self) -> None:
        """Forget all kinds, so that the next event of each kind is logged."""
        self._seen.clear()

    def left_out(self, kind: object) -> int | None:
        """None if this event must be left out; else how many of its kind were left out since the last logged one."""
        now, seen = self._now(), self._seen.get(kind)
        if seen is None or now > seen.last + OVER_AFTER:
            if len(self._seen) >= MAX_KINDS:
                self._seen.clear()
            self._seen[kind] = _Seen(last=now, next_line=now + FIRST_PAUSE)
            return 0 if seen is None else seen.left_out
        seen.last = now
        if now < seen.next_line:
            seen.left_out += 1
            return None
        left_out, seen.left_out = seen.left_out, 0
        seen.pause = min(2 * seen.pause, MAX_PAUSE)
        seen.next_line = now + seen.pause
        return left_out


class RepeatedFaults(logging.Filter):
    """Lets records below WARNING pass, and those faults that `Repeats` lets pass.

    A record gets the field `repeats` if others of its kind were left out before it. A kind is a logger, a level, a
    message, the fields that name a fault, and the origin of an exception. A record is judged once, also if several
    handlers have this filter.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._repeats = Repeats(now)

    def forget(self) -> None:
        """Forget all kinds, so that the next record of each kind passes."""
        self._repeats.forget()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        judged: bool | None = getattr(record, "is_news", None)
        if judged is None:
            left_out = self._repeats.left_out(_kind(record))
            record.is_news = judged = left_out is not None
            if left_out:
                record.repeats = left_out
        return judged


def _kind(record: logging.LogRecord) -> tuple[object, ...]:
    fields = tuple(str(vars(record).get(name)) for name in _KIND_FIELDS)
    where: object = None
    if record.exc_info and (error := record.exc_info[1]) is not None:
        places = traceback.extract_tb(error.__traceback__, limit=-1)
        where = type(error), [(place.filename, place.lineno) for place in places][-1:]
    return record.name, record.levelno, str(record.msg), fields, str(where)
