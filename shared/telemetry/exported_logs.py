"""Log records for OpenTelemetry, with exactly the content of the JSON lines (SPEC §13.2)."""

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
"""Parts of a line that have a field of their own in OpenTelemetry's data model."""


class ExportedLogs(logging.Handler):
    """Hands log records to a `LoggerProvider`, except OpenTelemetry's own, which would cause ever new ones."""

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
    """The other parts of the line as attributes. An exception, as types and places, has the conventions' names."""
    attributes = {name: _plain(value) for name, value in line.items() if name not in _OWN_PARTS}
    exception = line.get("exception")
    if exception is not None:
        attributes["exception.type"] = str(cast(Mapping[str, object], exception)["type"])
        attributes["exception.stacktrace"] = json.dumps(exception)
    return attributes


def _plain(value: object) -> str | bool | int | float:
    return value if isinstance(value, str | bool | int | float) else str(value)
