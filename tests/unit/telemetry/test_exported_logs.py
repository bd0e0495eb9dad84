"""A collector gets a log line as the line says it."""

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from shared.kernel.request_id import current_request_id
from shared.telemetry.exported_logs import ExportedLogs

SECRET = "pilot@example.com"


@contextmanager
def exported() -> Generator[list[Any]]:
    """The records exported meanwhile."""
    records: list[Any] = []
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    handler = ExportedLogs(provider)
    logging.getLogger().addHandler(handler)
    try:
        yield records
    finally:
        logging.getLogger().removeHandler(handler)
        records += exporter.get_finished_logs()


def test_a_record_has_the_template_the_allowed_fields_and_the_request() -> None:
    token = current_request_id.set("request-1")
    with exported() as records:
        logging.getLogger("authsession.x").warning("a %s failed", SECRET, extra={"count": 3, "email": SECRET})
    current_request_id.reset(token)
    [told] = records
    assert told.log_record.body == "a %s failed"
    assert told.log_record.attributes == {"count": 3, "request_id": "request-1"}
    assert (told.log_record.severity_text, told.log_record.severity_number.name) == ("WARNING", "WARN")
    assert told.instrumentation_scope.name == "authsession.x"


def test_an_exception_is_told_by_types_and_places() -> None:
    with exported() as records:
        try:
            raise ValueError(SECRET)  # noqa: TRY301
        except ValueError:
            logging.getLogger("authsession.x").exception("failed")
    attributes = records[0].log_record.attributes
    assert attributes["exception.type"] == "builtins.ValueError"
    assert "test_exported_logs.py" in json.loads(attributes["exception.stacktrace"])["stack"][0]
    assert SECRET not in str(attributes)


def test_logs_of_opentelemetry_about_itself_are_not_exported() -> None:
    with exported() as records:
        logging.getLogger("opentelemetry.sdk").critical("cannot export")
        logging.getLogger("asyncpg").error("%s", SECRET)
    [told] = records
    assert told.instrumentation_scope.name == "asyncpg"
    assert SECRET not in str(told.log_record.body)
