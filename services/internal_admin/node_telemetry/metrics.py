"""Metrics of the telemetry relay: signals, outcomes and bytes, and nothing about a node."""

from opentelemetry import metrics

from shared.telemetry.instruments import Counter

_METER = metrics.get_meter("authsession")

REQUESTS = Counter(
    _METER,
    "authsession.node.telemetry.requests",
    "Telemetry requests of nodes, by signal and outcome.",
    "outcome",
    "signal",
    unit="{request}",
)
BYTES = Counter(
    _METER,
    "authsession.node.telemetry.forwarded",
    "Bytes of telemetry from nodes that the collector took, after decompression, by signal.",
    "signal",
    unit="By",
)
HELD = _METER.create_gauge(
    "authsession.node.telemetry.held", unit="By", description="Bytes of telemetry that wait for the collector's answer."
)
