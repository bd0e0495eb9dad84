"""The output of `up`: whole lines, each after the name of its source."""

import errno
import json
import select
import sys
import threading
from collections.abc import Callable
from typing import cast

from authsession.embedded.child import Line
from shared.telemetry.repeated_faults import Repeats

_WIDTH = len("postgres")


class Terminal:
    """Standard output for several threads. `on_gone` is called when its reader is gone."""

    def __init__(self, on_gone: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._on_gone = on_gone

    def say(self, text: str) -> None:
        """Writes `text` and a line end, and flushes. A full disk costs this line only."""
        with self._lock:
            try:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
            except (BrokenPipeError, ValueError):
                self._on_gone()
            except OSError as fault:
                if fault.errno == errno.EIO:  # the terminal was closed
                    self._on_gone()

    def look(self) -> None:
        """Notices a reader that is gone without writing to it: a closed terminal need not send a signal."""
        poll = select.poll()
        poll.register(sys.stdout, 0)
        if poll.poll(0):
            self._on_gone()

    def source(self, name: str) -> Line:
        """A writer of prefixed lines. It turns the JSON lines of our services into readable ones."""
        return lambda line: self.say("\n".join(f"{name:<{_WIDTH}} | {each}" for each in readable(line)))

    def server(self, name: str) -> Line:
        """A writer as `source` makes it, for Postgres and Redis. It shows a repeated line once, then counts it."""
        repeats, show = Repeats(), self.source(name)

        def tell(line: str) -> None:
            left_out = repeats.left_out(line)
            if left_out is not None:
                show(f"{line} (repeated {left_out} times since)" if left_out else line)

        return tell


_LEVEL_WIDTH = len("warning")
_SHOWN_APART = ("ts", "level", "event", "logger", "exception")


def readable(line: str) -> list[str]:
    """A JSON log line of our services as `time LEVEL event name=value … logger=…`, with an exception in lines below.

    Nothing is left out or cut. Any other line stays as it is.
    """
    entry = _log_entry(line)
    if entry is None:
        return [line]
    level = str(entry.get("level", "")).upper()
    head = [str(entry.get("ts", "")), f"{level:<{_LEVEL_WIDTH}}", str(entry["event"])]
    names = [*(name for name in entry if name not in _SHOWN_APART), *(("logger",) if "logger" in entry else ())]
    first = " ".join([*head, *(f"{name}={_value(entry[name])}" for name in names)])
    return [first, *(_exception(entry["exception"], "  ") if "exception" in entry else ())]


def _log_entry(line: str) -> dict[str, object] | None:
    """The fields of a log line of our services; None for any other line."""
    try:
        entry: object = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or "event" not in entry:
        return None
    return cast("dict[str, object]", entry)


def _value(value: object) -> str:
    """A word stays as it is, so that it can be searched for. Any other value is JSON, so that its end is visible.

    Control characters are escaped: a terminal would obey them.
    """
    if not isinstance(value, str):
        return json.dumps(value)
    if value and value.isprintable() and not any(character in ' "=' for character in value):
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable())


def _exception(described: object, indent: str, why: str = "") -> list[str]:
    """The lines of an exception: its type, places (innermost last), cause, and the exceptions it groups."""
    if not isinstance(described, dict):
        return [f"{indent}{why}{_value(described)}"]
    told = cast("dict[str, object]", described)
    inner = indent + "  "
    stack = told.get("stack")
    places = cast("list[object]", stack) if isinstance(stack, list) else []
    lines = [f"{indent}{why}{told.get('type', 'exception')}", *(f"{inner}{place}" for place in places)]
    if "cause" in told:
        lines += _exception(told["cause"], inner, "because of ")
    grouped = told.get("exceptions")
    for each in cast("list[object]", grouped) if isinstance(grouped, list) else []:
        lines += _exception(each, inner, "with ")
    known = ("type", "stack", "cause", "exceptions")
    return lines + [f"{inner}{name}={_value(value)}" for name, value in told.items() if name not in known]
