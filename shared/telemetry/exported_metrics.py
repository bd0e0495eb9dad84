"""An exporter that adds our own histograms (`shared.telemetry.instruments`) to OpenTelemetry's metrics."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from shared.kernel.clock import Clock
from shared.telemetry.instruments import DurationHistogram

_SCOPE = InstrumentationScope("authsession.durations")  # and one for each scope


class WithHistograms(MetricExporter):
    """Exports the metrics of the SDK and `histograms`, a list that may still grow, through `exporter`."""

    def __init__(
        self, exporter: MetricExporter, histograms: Sequence[DurationHistogram], resource: Resource, clock: Clock
    ) -> None:
        super().__init__()
        self._exporter = exporter
        self._histograms = histograms
        self._resource = resource
        self._clock = clock
        self._start = self._now()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        now = self._now()
        ours = ScopeMetrics(_SCOPE, [each.metric(self._start, now) for each in self._histograms], "")
        theirs = chain.from_iterable(each.scope_metrics for each in metrics_data.resource_metrics)
        whole = ResourceMetrics(self._resource, [*theirs, ours], "")  # one, because the encoder keeps one a resource
        return self._exporter.export(MetricsData([whole]), timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._exporter.shutdown(timeout_millis, **kwargs)

    def _now(self) -> int:
        """Nanoseconds since 1970, exact to a microsecond."""
        return int(self._clock.now().timestamp() * 1_000_000) * 1000
