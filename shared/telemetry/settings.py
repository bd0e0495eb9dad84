"""OpenTelemetry's standard variables, which say what telemetry leaves the process, and how (SPEC §13.2).

The SDK interprets them (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). This module
refuses values that the SDK would ignore with a warning, and values that are not built in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from shared.kernel.faults import ConfigurationError

Exporter = Literal["none", "console", "otlp"]

_EXPORTERS = ("none", "console", "otlp")
_SAMPLERS = ("always_on", "always_off", "traceidratio")
_PROTOCOL = "http/protobuf"
_RATIO = "traceidratio"


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """The exporter of each signal. `/metrics` is always available, but empty with OTEL_SDK_DISABLED=true."""

    traces: Exporter = "none"
    metrics: Exporter = "none"
    logs: Exporter = "none"


def read_telemetry_settings(environment: Mapping[str, str]) -> TelemetrySettings:
    """Read the settings. Raises `ConfigurationError` with every problem. An empty value counts as not set."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return TelemetrySettings()
    problems = [
        *_not_among(environment, "OTEL_TRACES_EXPORTER", _EXPORTERS),
        *_not_among(environment, "OTEL_METRICS_EXPORTER", (*_EXPORTERS, "prometheus")),
        *_not_among(environment, "OTEL_LOGS_EXPORTER", _EXPORTERS),
        *_not_among(environment, "OTEL_TRACES_SAMPLER", (*_SAMPLERS, *(f"parentbased_{name}" for name in _SAMPLERS))),
        *_bad_ratio(environment),
        *_other_protocols(environment),
        *_other_propagators(environment),
        *_not_among(environment, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", ("cumulative", "CUMULATIVE")),
    ]
    if problems:
        raise ConfigurationError(problems)
    return TelemetrySettings(
        _exporter(environment, "OTEL_TRACES_EXPORTER"),
        _exporter(environment, "OTEL_METRICS_EXPORTER"),
        _exporter(environment, "OTEL_LOGS_EXPORTER"),
    )


def _exporter(environment: Mapping[str, str], name: str) -> Exporter:
    """The exporter of a signal. `prometheus` needs none, because `/metrics` always exists."""
    value = environment.get(name) or "none"
    return "none" if value == "prometheus" else cast(Exporter, value)


def _not_among(environment: Mapping[str, str], name: str, words: Iterable[str]) -> list[str]:
    value = environment.get(name)
    return [] if not value or value in words else [f"{name} must be one of: {', '.join(words)}"]


def _bad_ratio(environment: Mapping[str, str]) -> list[str]:
    """Problems with the sampling ratio. The SDK would take a ratio that it cannot read as 1 and record everything."""
    if not (environment.get("OTEL_TRACES_SAMPLER") or "").endswith(_RATIO):
        return []
    try:
        is_ratio = 0 <= float(environment.get("OTEL_TRACES_SAMPLER_ARG") or "1") <= 1
    except ValueError:
        is_ratio = False
    return [] if is_ratio else ["OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, such as 0.01"]


def _other_protocols(environment: Mapping[str, str]) -> list[str]:
    names = [f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL" for signal in ("", "TRACES_", "METRICS_", "LOGS_")]
    return [problem for name in names for problem in _not_among(environment, name, (_PROTOCOL,))]


def _other_propagators(environment: Mapping[str, str]) -> list[str]:
    """Problems with OTEL_PROPAGATORS. Baggage is allowed, as OpenTelemetry's default has it, but not passed on."""
    given = environment.get("OTEL_PROPAGATORS") or "tracecontext"
    names = [name.strip() for name in given.split(",")]
    if "tracecontext" in names and set(names) <= {"tracecontext", "baggage"}:
        return []
    return ["OTEL_PROPAGATORS must be tracecontext: no other is built in"]
