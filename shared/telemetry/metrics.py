"""The metrics of one process, scraped by Prometheus or pushed by OTLP (SPEC §13.2)."""

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

from shared.telemetry.exported_metrics import WithHistograms
from shared.telemetry.instruments import OF_MODULES, DurationHistogram
from shared.telemetry.request_method import known_method

_DURATION_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds: those of OpenTelemetry's semantic convention for `http.server.request.duration`."""


def service_resource(service_name: str) -> Resource:
    """Who tells: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override and add."""
    return Resource.create({"service.name": service_name, **OTELResourceDetector().detect().attributes})


class Metrics:
    """The instruments of one process. Give `meter` to whatever counts; `render` is what `/metrics` shows."""

    def __init__(self, service_name: str, exporters: Iterable[MetricExporter] = ()) -> None:
        """`service_name`: as `service_resource` takes it. `exporters` are given, at times, what `/metrics` shows."""
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
        pushed = [PeriodicExportingMetricReader(WithHistograms(each, self._histograms, resource)) for each in exporters]
        scraped = PrometheusMetricReader(registry=self._registry, scope_info_enabled=False)
        self._provider = MeterProvider([scraped, *pushed], resource=resource, shutdown_on_exit=False)
        self.meter: Meter = self._provider.get_meter("authsession")

        started = time.monotonic()
        self.meter.create_observable_gauge(
            "process.uptime",
            [lambda _: (Observation(time.monotonic() - started),)],
            unit="s",
            description="Time since the process started.",
        )  # and where nothing else was counted yet, the SDK exports at all

    def show_instruments_of_modules(self) -> None:
        """Show what instruments of `opentelemetry.metrics.get_meter` count too. The first call in a process wins."""
        set_meter_provider(self._provider)
        self._histograms += OF_MODULES

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; as `Edge.observe`. `route` is a template, so that the number of series is bounded."""
        self._request_duration.record(seconds, known_method(method), status, route)

    def render(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def shutdown(self) -> None:
        """Nothing is counted afterwards. May wait for a reader that exports."""
        self._provider.shutdown()


class _Shown(Collector):
    """Our own histograms, for Prometheus' registry."""

    def __init__(self, histograms: Iterable[DurationHistogram]) -> None:
        self._histograms = histograms

    def collect(self) -> Iterator[PrometheusMetric]:
        return chain.from_iterable(histogram.families() for histogram in self._histograms)
