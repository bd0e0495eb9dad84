"""OpenTelemetry's exporters to a collector, by OTLP over HTTP: each says once that it fails, once that it works again.

They run in threads of the SDK's and keep at most its queues (OTEL_BSP_…, OTEL_BLRP_…): a collector that is away or slow
holds back nothing, and what the queues cannot keep is dropped. Imported only where a signal asks for it: it brings
`requests` along.
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
    """Keeps the beginning of an answer, packed or not. `requests` alone would read and unpack all of it."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """As `requests.Session.send`; a connection whose answer is longer ends."""
        answer = super().send(request, **{**kwargs, "stream": True})
        answer._content = answer.raw.read(MAX_ANSWER_BYTES, decode_content=False)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        answer.close()
        return answer


class Outage:
    """Whether one signal gets through, as was said last. The exporters' own words, one for each try, are not shown."""

    def __init__(self, signal: str) -> None:
        self._signal = signal
        self._is_out = False

    def note(self, *, is_out: bool) -> None:
        """After each try."""
        if is_out and not self._is_out:
            _log.warning("telemetry does not get through and is dropped", extra={"signal": self._signal})
        elif self._is_out and not is_out:
            _log.info("telemetry gets through again", extra={"signal": self._signal})
        self._is_out = is_out


class OtlpSpans(OTLPSpanExporter):
    """Spans."""

    def __init__(self) -> None:
        super().__init__(session=Session())
        self._outage = Outage("traces")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self._outage.note(is_out=result is not SpanExportResult.SUCCESS)
        return result


class OtlpMetrics(OTLPMetricExporter):
    """Metrics."""

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
    """Log records."""

    def __init__(self) -> None:
        super().__init__(session=Session())
        self._outage = Outage("logs")

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        result = super().export(batch)
        self._outage.note(is_out=result is not LogRecordExportResult.SUCCESS)
        return result
