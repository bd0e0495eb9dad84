"""OpenTelemetry's exporters to a collector, by OTLP over HTTP. Each logs the begin and the end of an outage once.

They run in threads of the SDK with its queues (OTEL_BSP_…, OTEL_BLRP_…). A collector that is away or slow delays
nothing, and telemetry that does not fit the queues is dropped. Other modules import this one only where the settings
ask for it, because it imports `requests`.
"""

import logging
from collections.abc import Sequence
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

_log = logging.getLogger("authsession.telemetry.otlp")


MAX_ANSWER_BYTES = 64 * 1024


class Session(requests.Session):
    """Reads only the beginning of an answer and does not decompress it. `requests` would read and decompress all."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send as `requests.Session.send` does, and read `MAX_ANSWER_BYTES` at most; more ends the connection."""
        answer = super().send(request, **{**kwargs, "stream": True})
        answer._content = answer.raw.read(MAX_ANSWER_BYTES, decode_content=False)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        answer.close()
        return answer


class Outage:
    """Whether one signal reaches the collector. Logs only changes; the exporters would log every failed try."""

    def __init__(self, signal: str) -> None:
        self._signal = signal
        self._is_out = False

    def note(self, *, is_out: bool) -> None:
        """Note the result of a try."""
        if is_out and not self._is_out:
            _log.warning("telemetry export failed: data are dropped", extra={"signal": self._signal})
        elif self._is_out and not is_out:
            _log.info("telemetry export recovered", extra={"signal": self._signal})
        self._is_out = is_out


class OtlpSpans(OTLPSpanExporter):
    """The exporter of spans."""

    def __init__(self) -> None:
        super().__init__(session=Session())
        self._outage = Outage("traces")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self._outage.note(is_out=result is not SpanExportResult.SUCCESS)
        return result


class OtlpMetrics(OTLPMetricExporter):
    """The exporter of metrics."""

    def __init__(self) -> None:
        super().__init__(session=Session())
        self._outage = Outage("metrics")

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = None, **kwargs: Any
    ) -> MetricExportResult:
        result = super().export(metrics_data, timeout_millis, **kwargs)
        self._outage.note(is_out=result is not MetricExportResult.SUCCESS)
        return result


class OtlpLogs(OTLPLogExporter):
    """The exporter of log records."""

    def __init__(self) -> None:
        super().__init__(session=Session())
        self._outage = Outage("logs")

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        result = super().export(batch)
        self._outage.note(is_out=result is not LogRecordExportResult.SUCCESS)
        return result
