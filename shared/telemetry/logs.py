"""JSON logs. Only this module decides what a log line may hold (SPEC §13.2).

* A line has the template of its message, without values put in.
* It has a field from `extra=` only if `LOG_FIELDS` has its name.
* It has an exception as types and places in the code, never its text.

So no e-mail, code, key, token, challenge id or password of a DSN can reach a log through an argument, an exception or a
library.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import TextIO, cast

from opentelemetry import trace

from shared.kernel.request_id import current_request_id
from shared.telemetry.repeated_faults import RepeatedFaults

LOG_FIELDS = frozenset({
    "address", "attempt", "batch", "before", "check", "connection_id", "count", "delay_ms", "dependency",
    "duration_ms", "epoch", "fault", "kind", "locale", "mac", "method", "names", "outcome", "pool", "problem",
    "reason", "rebuilt", "removed", "repeats", "result", "revision", "route", "schema", "secret_id", "seq",
    "signal", "status", "version", "warning", "worker",
})  # fmt: skip
"""Fields that `extra=` may add to a line: words, numbers and addresses of our own servers, never input of a caller."""
REPEATED = RepeatedFaults()
"""The filter of every handler in the process, so that a repeated fault fills neither a terminal nor a disk."""
OURS = "authsession"
"""The root of our loggers. Each has a fixed name, so that a module that moves changes no log line."""
_MAX_TEXT_LENGTH = 300


class JsonLines(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(log_line(record), ensure_ascii=False)


def log_line(record: logging.LogRecord) -> dict[str, object]:
    """The parts of a record to log: ts, level, logger, event, request_id, trace, allowed fields, exception."""
    line: dict[str, object] = {
        "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _event(record),
    }
    request_id = current_request_id.get()
    if request_id is not None:
        line["request_id"] = request_id
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        line.update(trace_id=trace.format_trace_id(span.trace_id), span_id=trace.format_span_id(span.span_id))
    given = vars(record)
    line.update((name, _plain(given[name])) for name in LOG_FIELDS & given.keys())
    if record.exc_info and record.exc_info[1] is not None:
        line["exception"] = describe(record.exc_info[1])
    return line


def _event(record: logging.LogRecord) -> str:
    """The template of our own message; for a library's message, which may quote data, only its place in the code."""
    if record.name.partition(".")[0] == OURS and isinstance(record.msg, str):
        return record.msg
    return f"{record.module}:{record.lineno}"


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float) else str(value)[:_MAX_TEXT_LENGTH]


def describe(error: BaseException) -> dict[str, object]:
    """An exception as type and places (innermost last), its cause, and the members of a group; no text, no values."""
    places = traceback.extract_tb(error.__traceback__)
    described: dict[str, object] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "stack": [f"{place.filename}:{place.lineno} {place.name}" for place in places],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["cause"] = describe(cause)
    if isinstance(error, BaseExceptionGroup):
        described["exceptions"] = [describe(each) for each in cast(BaseExceptionGroup[BaseException], error).exceptions]
    return described


def configure_logging(stream: TextIO) -> None:
    """Send the log of the process to `stream` as JSON lines: our records from INFO up, libraries' from WARNING up."""
    output = logging.StreamHandler(stream)
    output.setFormatter(JsonLines())
    output.addFilter(REPEATED)
    logging.basicConfig(handlers=[output], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a full disk must not add tracebacks of its own
    logging.getLogger(OURS).setLevel(logging.INFO)
