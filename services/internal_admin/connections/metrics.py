"""The metrics of verifications: kinds and results, and nothing about a far end."""

from opentelemetry import metrics

_METER = metrics.get_meter("authsession")

VERIFICATIONS = _METER.create_counter(
    "authsession.connections.verifications",
    unit="{verification}",
    description="Verifications of connections, by kind and result.",
)
