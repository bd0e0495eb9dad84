"""A process' telemetry from its start to its end: what is recorded, and where it goes (SPEC §13.2).

Nothing leaves the process unless OpenTelemetry's standard variables ask for it; `/metrics` is always there.
"""

import logging
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import trio
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, ConsoleLogRecordExporter, LogRecordExporter
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from shared.telemetry.exported_logs import ExportedLogs
from shared.telemetry.logs import REPEATED
from shared.telemetry.metrics import Metrics, service_resource
from shared.telemetry.settings import Exporter, read_telemetry_settings

_log = logging.getLogger("authsession.telemetry.export")

FLUSH = timedelta(seconds=2)
"""How long the end of a process waits for its last telemetry to leave; what has not left then is lost."""

_Shutdown = Callable[[], None]


@asynccontextmanager
async def open_telemetry(service_name: str) -> AsyncGenerator[Metrics]:
    """What the process counts; spans, metrics and logs leave it meanwhile as the environment says. Once in a process.

    Raises `ConfigurationError`. On leaving, what was recorded leaves within `FLUSH`, in threads that hold up neither
    the loop nor the end of the process.
    """
    settings = read_telemetry_settings(os.environ)
    logging.getLogger("opentelemetry").setLevel(
        logging.CRITICAL
    )  # a line for each try: `shared.telemetry.otlp` says it once
    metrics = Metrics(service_name, _metric_exporters(settings.metrics))
    metrics.show_instruments_of_modules()
    shutdowns = [
        metrics.shutdown,
        *(_export_spans(service_name, each) for each in _span_exporters(settings.traces)),
        *(_export_logs(service_name, each) for each in _log_exporters(settings.logs)),
    ]
    try:
        yield metrics
    finally:
        await _shut_down(shutdowns)


def _export_spans(service_name: str, exporter: SpanExporter) -> _Shutdown:
    """From now on requests are traced, as OTEL_TRACES_SAMPLER says."""
    provider = TracerProvider(resource=service_resource(service_name), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _export_logs(service_name: str, exporter: LogRecordExporter) -> _Shutdown:
    """From now on what is logged is exported too."""
    provider = LoggerProvider(resource=service_resource(service_name), shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logs = ExportedLogs(provider)
    logs.addFilter(REPEATED)
    logging.getLogger().addHandler(logs)

    def shut_down() -> None:
        logging.getLogger().removeHandler(logs)
        provider.shutdown()

    return shut_down


async def _shut_down(shutdowns: Sequence[_Shutdown]) -> None:
    """All at once; a collector that does not answer holds up nobody longer than `FLUSH`."""
    with trio.move_on_after(FLUSH.total_seconds(), shield=True):
        async with trio.open_nursery() as nursery:
            for shutdown in shutdowns:
                nursery.start_soon(_in_thread, shutdown)


async def _in_thread(shutdown: _Shutdown) -> None:
    """What goes wrong is no reason for the process to end otherwise than it would have."""
    try:
        await trio.to_thread.run_sync(shutdown, abandon_on_cancel=True)
    except Exception as fault:  # noqa: BLE001 - telemetry's last resort
        _log.warning("the last telemetry is lost", extra={"fault": type(fault).__name__})


def _span_exporters(exporter: Exporter) -> list[SpanExporter]:
    if exporter == "otlp":
        from shared.telemetry.otlp import OtlpSpans  # noqa: PLC0415 - see there

        return [OtlpSpans()]
    return [ConsoleSpanExporter()] if exporter == "console" else []


def _metric_exporters(exporter: Exporter) -> list[MetricExporter]:
    if exporter == "otlp":
        from shared.telemetry.otlp import OtlpMetrics  # noqa: PLC0415 - see there

        return [OtlpMetrics()]
    return [ConsoleMetricExporter()] if exporter == "console" else []


def _log_exporters(exporter: Exporter) -> list[LogRecordExporter]:
    if exporter == "otlp":
        from shared.telemetry.otlp import OtlpLogs  # noqa: PLC0415 - see there

        return [OtlpLogs()]
    return [ConsoleLogRecordExporter()] if exporter == "console" else []
