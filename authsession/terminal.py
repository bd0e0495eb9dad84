"""What a person sees of `up`: whole lines, each behind the name of its source."""

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
            except OSError as fault:
                if fault.errno == errno.EIO:  # a closed terminal; anything else, such as a full disk, costs this line
                    self._on_gone()

    def look(self) -> None:
        """Hears that nobody reads any more before there is something to say: a closed terminal need not signal us."""
        poll = select.poll()
        poll.register(sys.stdout, 0)
        if poll.poll(0):
            self._on_gone()

    def source(self, name: str) -> Line:
        """A writer of prefixed lines; those of our services, JSON, become readable."""
        return lambda line: self.say("\n".join(f"{name:<{_WIDTH}} | {each}" for each in readable(line)))

    def server(self, name: str) -> Line:
        """As `source`, for a server that is not ours: what it says again and again is shown once, then counted."""
        repeats, show = Repeats(), self.source(name)

        def tell(line: str) -> None:
            left_out = repeats.left_out(line)
            if left_out is not None:
                show(f"{line} ({left_out} times more since)" if left_out else line)

        return tell


_LEVEL_WIDTH = len("warning")
_SHOWN_APART = ("ts", "level", "event", "logger", "exception")


def readable(line: str) -> list[str]:
    """`time LEVEL event name=value … logger=…` out of a JSON log line of our services, an exception in lines below it.

    All of it: nothing is left out or cut. Any other line stays as it is.
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
    """What a line of ours holds; None for lines of others."""
    try:
        entry: object = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or "event" not in entry:
        return None
    return cast("dict[str, object]", entry)


def _value(value: object) -> str:
    """A word as it is, so that one can search for it; anything else as JSON, so that one sees where it ends.

    What a terminal would obey instead of showing it is escaped.
    """
    if not isinstance(value, str):
        return json.dumps(value)
    if value and value.isprintable() and not any(character in ' "=' for character in value):
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable())


def _exception(described: object, indent: str, why: str = "") -> list[str]:
    """The form of `shared.telemetry.logs.describe`: type, places (innermost last), cause, grouped exceptions."""
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
