"""JSON logs and metrics for Prometheus. What a log line may hold is decided here, not by who logs (SPEC §13.2).

A line has the template of its message, never with values put in; fields from `extra=` only if they are in `LOG_FIELDS`;
exceptions as types and places in the code, never their texts. So no e-mail, code, key, token, challenge id or password
of a DSN can reach a log by way of an argument, an exception or a library.
"""

import json
import logging
import time
import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import TextIO, cast

from opentelemetry import trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter, Observation, set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from prometheus_client import CollectorRegistry
from prometheus_client import Metric as PrometheusMetric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from shared.exported_metrics import WithHistograms
from shared.instruments import OF_MODULES, DurationHistogram
from shared.repeated_faults import RepeatedFaults
from shared.web.exchange import Request, Response, Route
from shared.web.request_id import current_request_id
from shared.web.request_method import known_method

LOG_FIELDS = frozenset({
    "address", "attempt", "batch", "check", "count", "delay_ms", "dependency", "duration_ms", "epoch", "fault",
    "locale", "mac", "method", "names", "outcome", "problem", "reason", "rebuilt", "removed", "repeats", "route",
    "schema", "seq", "signal", "status", "version", "warning", "worker",
})  # fmt: skip
"""What `extra=` may add to a line: words, numbers and addresses of our own servers, never what a caller sent."""
REPEATED = RepeatedFaults()
"""For every handler of the process: a repeated fault fills neither a terminal nor a disk."""
OURS = ("authsession", "services", "shared")
_LONGEST_TEXT = 300
_DURATION_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds: those of OpenTelemetry's semantic convention for `http.server.request.duration`."""


class JsonLines(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(log_line(record), ensure_ascii=False)


def log_line(record: logging.LogRecord) -> dict[str, object]:
    """All that may be told of a record: ts, level, logger, event, request_id, trace, the allowed fields, exception."""
    line: dict[str, object] = {
        "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _event(record),
    }
    request_id = current_request_id.get()
    if request_id is not None:
        line["request_id"] = request_id
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        line.update(trace_id=trace.format_trace_id(span.trace_id), span_id=trace.format_span_id(span.span_id))
    given = vars(record)
    line.update((name, _plain(given[name])) for name in LOG_FIELDS & given.keys())
    if record.exc_info and record.exc_info[1] is not None:
        line["exception"] = describe(record.exc_info[1])
    return line


def _event(record: logging.LogRecord) -> str:
    """The template of our own messages. What libraries write may quote data: of those only the place in their code."""
    if record.name.partition(".")[0] in OURS and isinstance(record.msg, str):
        return record.msg
    return f"{record.module}:{record.lineno}"


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float) else str(value)[:_LONGEST_TEXT]


def describe(error: BaseException) -> dict[str, object]:
    """Type, the places it went through (innermost last) and what caused it or is grouped in it; no text, no values."""
    places = traceback.extract_tb(error.__traceback__)
    described: dict[str, object] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "stack": [f"{place.filename}:{place.lineno} {place.name}" for place in places],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["cause"] = describe(cause)
    if isinstance(error, BaseExceptionGroup):
        described["exceptions"] = [describe(each) for each in cast(BaseExceptionGroup[BaseException], error).exceptions]
    return described


def configure_logging(stream: TextIO) -> None:
    """Send every log record of the process to `stream` as JSON lines: ours from INFO up, libraries' from WARNING."""
    output = logging.StreamHandler(stream)
    output.setFormatter(JsonLines())
    output.addFilter(REPEATED)
    logging.basicConfig(handlers=[output], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a full disk must not add tracebacks of its own
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


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


def metrics_route(metrics: Metrics) -> Route:
    """`GET /metrics`. For listeners that the internet does not reach."""
    headers = ((b"content-type", CONTENT_TYPE_LATEST.encode("ascii")),)

    async def endpoint(_: Request) -> Response:
        return Response(200, metrics.render(), headers)

    return Route("GET", "/metrics", endpoint)
