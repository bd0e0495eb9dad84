"""Metrics of calls to the user service: operations and outcomes, and nothing about a user."""

from opentelemetry import metrics

_METER = metrics.get_meter("authsession")

CALL_DURATION = _METER.create_histogram(
    "authsession.user_service.call.duration", unit="s",
    description="Duration of user service calls, by operation and outcome.",
    explicit_bucket_boundaries_advisory=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
CIRCUIT_OPEN = _METER.create_gauge(
    "authsession.user_service.circuit.open",
    description="1 while calls of the user service are suspended because it fails, else 0.",
)
BLOCK_ORDERS = _METER.create_counter(
    "authsession.user_service.block_orders",
    unit="{order}",
    description="Orders to block or unblock a user at the user service, by outcome.",
)
BLOCK_ORDERS_WAITING = _METER.create_gauge(
    "authsession.user_service.block_orders.waiting",
    unit="{order}",
    description="Orders to block or unblock that the user service has not confirmed yet.",
)
