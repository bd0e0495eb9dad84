"""OpenTelemetry's variables: what is asked for, and what is refused at boot instead of being passed over."""

import pytest

from shared.kernel.faults import ConfigurationError
from shared.telemetry.settings import TelemetrySettings, read_telemetry_settings


@pytest.mark.parametrize("environment", [{}, {"OTEL_TRACES_EXPORTER": ""}, {"OTEL_METRICS_EXPORTER": "prometheus"}])
def test_nothing_leaves_by_default(environment: dict[str, str]) -> None:
    assert read_telemetry_settings(environment) == TelemetrySettings("none", "none", "none")


def test_each_signal_goes_where_its_variable_says() -> None:
    environment = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "console",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_PROPAGATORS": "tracecontext,baggage",
    }
    assert read_telemetry_settings(environment) == TelemetrySettings("otlp", "console", "none")


def test_a_disabled_sdk_is_asked_for_nothing_more() -> None:
    environment = {"OTEL_SDK_DISABLED": "True", "OTEL_TRACES_EXPORTER": "zipkin"}
    assert read_telemetry_settings(environment) == TelemetrySettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_EXPORTER", "prometheus"),
        ("OTEL_METRICS_EXPORTER", "statsd"),
        ("OTEL_LOGS_EXPORTER", "OTLP"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
        ("OTEL_PROPAGATORS", "b3"),
        ("OTEL_PROPAGATORS", "baggage"),
        ("OTEL_PROPAGATORS", "none"),
    ],
)
def test_an_exporter_that_is_not_built_in_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_telemetry_settings({name: value})
    assert [problem.split()[0] for problem in refused.value.problems] == [name]


@pytest.mark.parametrize("ratio", ["1.5", "-0.1", "often", "nan"])
def test_a_ratio_that_is_none_is_refused_and_not_taken_for_all(ratio: str) -> None:
    with pytest.raises(ConfigurationError):
        read_telemetry_settings({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": ratio})
