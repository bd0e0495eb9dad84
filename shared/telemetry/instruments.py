"""Cheap instruments for events of every login. They count by themselves, and OpenTelemetry reads them at a scrape.

A login uses seven instruments. OpenTelemetry's own would cost it more than spans for 1 login in 100. Attributes are
given by value, in the order of their names (docs/decisions/0031-telemetry.md).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from math import inf

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics.export import AggregationTemporality, HistogramDataPoint, Metric
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from prometheus_client.metrics_core import HistogramMetricFamily

Value = str | int


class Counter:
    """A count of events by attributes."""

    def __init__(self, meter: Meter, name: str, description: str, *attributes: str, unit: str = "") -> None:
        self._attributes = attributes
        self._counts: dict[tuple[Value, ...], int] = {}
        meter.create_observable_counter(name, [self._observe], unit=unit, description=description)

    def add(self, *values: Value, times: int = 1) -> None:
        """Count `times` more events. `values` are the attributes' values in the order of their names."""
        self._counts[values] = self._counts.get(values, 0) + times

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """Called in the thread of the scrape or export."""
        return [
            Observation(count, dict(zip(self._attributes, values, strict=True)))
            for values, count in self._counts.copy().items()
        ]


class _Series:
    """The values of one set of attributes: their count in each bucket, their sum, minimum and maximum."""

    __slots__ = ("buckets", "least", "most", "sum")

    def __init__(self, buckets: int) -> None:
        self.buckets = [0] * buckets
        self.sum, self.least, self.most = 0.0, inf, 0.0


class DurationHistogram:
    """Durations in seconds by attributes. `boundaries` are the inclusive upper ends of the buckets.

    OpenTelemetry has no instrument for buckets that were counted elsewhere. So there are two forms of output:
    `families` for `/metrics` and `metric` for exporters. Both are cumulative.
    """

    def __init__(self, name: str, description: str, boundaries: Sequence[float], *attributes: str) -> None:
        self.name = name
        self._description = description
        self._boundaries = tuple(boundaries)
        self._attributes = attributes
        self._series: dict[tuple[Value, ...], _Series] = {}

    def record(self, seconds: float, *values: Value) -> None:
        """Count one duration. `values` are the attributes' values in the order of their names."""
        series = self._series.get(values)
        if series is None:
            series = self._series[values] = _Series(len(self._boundaries) + 1)
        series.buckets[bisect_left(self._boundaries, seconds)] += 1
        series.sum += seconds
        series.least = min(series.least, seconds)
        series.most = max(series.most, seconds)

    def families(self) -> Iterator[HistogramMetricFamily]:
        """The histogram in the form and with the names of Prometheus."""
        labels = [name.replace(".", "_") for name in self._attributes]
        family = HistogramMetricFamily(self.name.replace(".", "_") + "_seconds", self._description, labels=labels)
        for values, series in self._series.copy().items():
            family.add_metric([str(value) for value in values], self._cumulated(series.buckets), series.sum)
        yield family

    def metric(self, start: int, now: int) -> Metric:
        """The histogram in OpenTelemetry's data model. `start` and `now` are nanoseconds since 1970."""
        points = [self._point(values, series, start, now) for values, series in self._series.copy().items()]
        return Metric(self.name, self._description, "s", HistogramData(points, AggregationTemporality.CUMULATIVE))

    def _cumulated(self, buckets: Sequence[int]) -> list[tuple[str, float]]:
        total, cumulated = 0, list[tuple[str, float]]()
        for bound, count in zip((*map(float, self._boundaries), "+Inf"), buckets, strict=True):
            total += count
            cumulated.append((str(bound), total))
        return cumulated

    def _point(self, values: tuple[Value, ...], series: _Series, start: int, now: int) -> HistogramDataPoint:
        buckets = series.buckets.copy()
        return HistogramDataPoint(
            attributes=dict(zip(self._attributes, values, strict=True)),
            start_time_unix_nano=start,
            time_unix_nano=now,
            count=sum(buckets),
            sum=series.sum,
            bucket_counts=buckets,
            explicit_bounds=self._boundaries,
            min=series.least,
            max=series.most,
        )


OF_MODULES: list[DurationHistogram] = []
"""The histograms that modules made for themselves. `Metrics.show_instruments_of_modules` shows them."""


def module_histogram(name: str, description: str, boundaries: Sequence[float], *attributes: str) -> DurationHistogram:
    """A histogram for a module's own use, registered in `OF_MODULES`. Modules take other instruments by `get_meter`."""
    histogram = DurationHistogram(name, description, boundaries, *attributes)
    OF_MODULES.append(histogram)
    return histogram
