"""Starts and ends the telemetry of a process (SPEC §13.2).

Nothing leaves the process unless OpenTelemetry's standard variables ask for it. `/metrics` is always available.
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

from shared.kernel.clock import Clock
from shared.telemetry.exported_logs import ExportedLogs
from shared.telemetry.logs import REPEATED
from shared.telemetry.metrics import Metrics, service_resource
from shared.telemetry.settings import Exporter, read_telemetry_settings

_log = logging.getLogger("authsession.telemetry.export")

FLUSH = timedelta(seconds=2)
"""The time that an ending process gives its last telemetry to leave. Telemetry that has not left by then is lost."""

_Shutdown = Callable[[], None]


@asynccontextmanager
async def open_telemetry(service_name: str, clock: Clock) -> AsyncGenerator[Metrics]:
    """Yield the metrics of the process, and export spans, metrics and logs as the environment says.

    Open it once in a process. Raises `ConfigurationError`. At the end the last telemetry leaves within `FLUSH`, in
    threads that hold up neither the loop nor the end of the process.
    """
    settings = read_telemetry_settings(os.environ)
    logging.getLogger("opentelemetry").setLevel(
        logging.CRITICAL
    )  # it would log every failed try; `shared.telemetry.otlp` logs an outage once
    metrics = Metrics(service_name, clock, _metric_exporters(settings.metrics))
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
    """Trace requests from now on, sampled by OTEL_TRACES_SAMPLER. Returns the function that ends the export."""
    provider = TracerProvider(resource=service_resource(service_name), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _export_logs(service_name: str, exporter: LogRecordExporter) -> _Shutdown:
    """Export log records from now on. Returns the function that ends the export."""
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
    """Run all at once. A collector that does not answer holds up the process for at most `FLUSH`."""
    with trio.move_on_after(FLUSH.total_seconds(), shield=True):
        async with trio.open_nursery() as nursery:
            for shutdown in shutdowns:
                nursery.start_soon(_in_thread, shutdown)


async def _in_thread(shutdown: _Shutdown) -> None:
    """Run `shutdown`; its faults are only logged, so that they do not change how the process ends."""
    try:
        await trio.to_thread.run_sync(shutdown, abandon_on_cancel=True)
    except Exception as fault:  # noqa: BLE001 - telemetry's last resort
        _log.warning("last telemetry lost", extra={"fault": type(fault).__name__})


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
