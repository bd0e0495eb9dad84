"""Log records for OpenTelemetry: the same line that goes to the log's own stream, and not a word more (SPEC §13.2)."""

import json
import logging
from collections.abc import Mapping
from typing import cast

from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber

from shared.telemetry.logs import log_line

_SEVERITIES = (
    (logging.ERROR, SeverityNumber.ERROR),
    (logging.WARNING, SeverityNumber.WARN),
    (logging.INFO, SeverityNumber.INFO),
)
_OWN_PARTS = frozenset({"ts", "level", "logger", "event", "exception", "trace_id", "span_id"})
"""Of a line, those that the data model has a place of its own for."""


class ExportedLogs(logging.Handler):
    """Hands what is logged to a `LoggerProvider`, but for what OpenTelemetry says of itself: it would feed on it."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] == "opentelemetry":
            return
        line = log_line(record)
        self._provider.get_logger(record.name).emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                severity_text=record.levelname,
                severity_number=_severity(record.levelno),
                body=str(line["event"]),
                attributes=_attributes(line),
            )
        )


def _severity(level: int) -> SeverityNumber:
    return next((severity for least, severity in _SEVERITIES if level >= least), SeverityNumber.DEBUG)


def _attributes(line: Mapping[str, object]) -> dict[str, str | bool | int | float]:
    """What is left of the line; an exception by the names of the conventions, as types and places."""
    attributes = {name: _plain(value) for name, value in line.items() if name not in _OWN_PARTS}
    exception = line.get("exception")
    if exception is not None:
        attributes["exception.type"] = str(cast(Mapping[str, object], exception)["type"])
        attributes["exception.stacktrace"] = json.dumps(exception)
    return attributes


def _plain(value: object) -> str | bool | int | float:
    return value if isinstance(value, str | bool | int | float) else str(value)
