"""What a person sees of `up`: whole lines, each behind the name of its source."""

import json
import sys
import threading
from collections.abc import Callable
from typing import cast

from authsession.embedded.child import Line

_WIDTH = len("postgres")


class Terminal:
    """Standard output, for several threads. `on_gone` is called when nobody reads it any more."""

    def __init__(self, on_gone: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._on_gone = on_gone

    def say(self, text: str) -> None:
        """Writes `text` and a line end at once."""
        with self._lock:
            try:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
            except (BrokenPipeError, ValueError):
                self._on_gone()

    def source(self, name: str) -> Line:
        """A writer of prefixed lines; those of our services, JSON, become readable."""
        return lambda line: self.say(f"{name:<{_WIDTH}} | {readable(line)}")


_SHOWN_FIRST = ("ts", "level", "logger", "event")


def readable(line: str) -> str:
    """`LEVEL event name=value …` out of a JSON log line of our services; any other line as it is."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or "event" not in entry:
        return line
    entry = cast("dict[str, object]", entry)
    rest = (f"{name}={value}" for name, value in entry.items() if name not in _SHOWN_FIRST)
    return " ".join([str(entry.get("level", "")).upper(), str(entry["event"]), *rest])
