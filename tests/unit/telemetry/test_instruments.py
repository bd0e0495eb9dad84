"""Counts and durations of the hot path: what was counted is what is shown, to Prometheus and to exporters alike."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader
from prometheus_client.parser import text_string_to_metric_families

from shared.kernel.clock import SystemClock
from shared.telemetry.instruments import Counter, DurationHistogram
from shared.telemetry.metrics import Metrics


def test_a_counter_shows_what_was_added_by_attributes() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    counter = Counter(provider.get_meter("test"), "mails", "", "outcome", "reason")
    counter.add("sent", "none")
    counter.add("sent", "none", times=2)
    counter.add("failed", "status_500")
    data = reader.get_metrics_data()
    assert data is not None
    points = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    shown = {dict(point.attributes or {})["reason"]: point for point in points}
    assert [(each, getattr(shown[each], "value", None)) for each in shown] == [("none", 3), ("status_500", 1)]
    provider.shutdown()


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.1, 0), (0.1001, 1), (1.0, 1), (1.5, 2), (99.0, 2)])
def test_a_bucket_takes_what_is_at_most_its_upper_end(seconds: float, bucket: int) -> None:
    histogram = DurationHistogram("test.duration", "", (0.1, 1))
    histogram.record(seconds)
    data = histogram.metric(start=0, now=1).data
    assert isinstance(data, Histogram)
    [point] = data.data_points
    assert list(point.bucket_counts) == [int(place == bucket) for place in range(3)]
    assert (point.count, point.sum, point.min, point.max) == (1, seconds, seconds, seconds)


def test_prometheus_sees_buckets_that_hold_all_below_them() -> None:
    metrics = Metrics("test", SystemClock())
    for seconds in (0.001, 0.02, 3.0, 30.0):
        metrics.observe_request("POST", "/things/{id}", 200, seconds)
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    metrics.shutdown()
    samples = families["http_server_request_duration_seconds"].samples
    buckets = {sample.labels["le"]: sample.value for sample in samples if sample.name.endswith("_bucket")}
    assert (buckets["0.005"], buckets["0.025"], buckets["5.0"], buckets["10.0"], buckets["+Inf"]) == (1, 2, 3, 3, 4)
    [total] = [sample for sample in samples if sample.name.endswith("_sum")]
    assert total.value == pytest.approx(33.021)
    assert total.labels == {
        "http_request_method": "POST",
        "http_response_status_code": "200",
        "http_route": "/things/{id}",
    }


def test_an_instrument_without_a_value_shows_no_series() -> None:
    metrics = Metrics("test", SystemClock())
    assert "http_server_request_duration_seconds_bucket" not in metrics.render().decode()
    metrics.shutdown()
