"""The metrics of a process, which Prometheus scrapes or OTLP pushes (SPEC §13.2)."""

import time
from collections.abc import Iterable, Iterator
from itertools import chain

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter, Observation, set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from prometheus_client import CollectorRegistry
from prometheus_client import Metric as PrometheusMetric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from shared.kernel.clock import Clock
from shared.telemetry.exported_metrics import WithHistograms
from shared.telemetry.instruments import OF_MODULES, DurationHistogram
from shared.telemetry.request_method import known_method

_DURATION_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bucket ends in seconds from OpenTelemetry's semantic convention for `http.server.request.duration`."""


def service_resource(service_name: str) -> Resource:
    """The source that telemetry names. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override it and add to it."""
    return Resource.create({"service.name": service_name, **OTELResourceDetector().detect().attributes})


class Metrics:
    """The instruments of a process. Code that counts takes `meter`; `render` gives the text of `/metrics`."""

    def __init__(self, service_name: str, clock: Clock, exporters: Iterable[MetricExporter] = ()) -> None:
        """`service_name` goes to `service_resource`. `exporters` regularly get the same metrics as `/metrics`."""
        self._registry = CollectorRegistry()
        self._request_duration = DurationHistogram(
            "http.server.request.duration",
            "Duration of HTTP server requests.",
            _DURATION_BOUNDARIES,
            "http.request.method",
            "http.response.status_code",
            "http.route",
        )
        self._histograms = [self._request_duration]
        self._registry.register(_Shown(self._histograms))
        resource = service_resource(service_name)
        pushed = [
            PeriodicExportingMetricReader(WithHistograms(each, self._histograms, resource, clock)) for each in exporters
        ]
        scraped = PrometheusMetricReader(registry=self._registry, scope_info_enabled=False)
        self._provider = MeterProvider([scraped, *pushed], resource=resource, shutdown_on_exit=False)
        self.meter: Meter = self._provider.get_meter("authsession")

        started = time.monotonic()
        self.meter.create_observable_gauge(
            "process.uptime",
            [lambda _: (Observation(time.monotonic() - started),)],
            unit="s",
            description="Time since the process started.",
        )  # without any value the SDK would export nothing, not even our own histograms

    def show_instruments_of_modules(self) -> None:
        """Show the instruments of `opentelemetry.metrics.get_meter` too. Only the first call in a process counts."""
        set_meter_provider(self._provider)
        self._histograms += OF_MODULES

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer and its duration. `route` is a template, so that the number of series is bounded."""
        self._request_duration.record(seconds, known_method(method), status, route)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def shutdown(self) -> None:
        """Stop counting. Blocks while an exporter sends."""
        self._provider.shutdown()


class _Shown(Collector):
    """Makes our own histograms visible in Prometheus' registry."""

    def __init__(self, histograms: Iterable[DurationHistogram]) -> None:
        self._histograms = histograms

    def collect(self) -> Iterator[PrometheusMetric]:
        return chain.from_iterable(histogram.families() for histogram in self._histograms)
