"""Metrics of orders. No label names a session or a user."""

from opentelemetry import metrics

from contracts.self_service import OrderOutcome

_METER = metrics.get_meter("authsession")

ORDERS = _METER.create_counter(
    "authsession.self_service.orders",
    unit="{order}",
    description="Orders of self-service that were decided, by outcome. `refused`: the proof was not valid.",
)
ORDERS_WAITING = _METER.create_gauge(
    "authsession.self_service.orders.waiting",
    unit="{order}",
    description="Orders of self-service that wait for their outcome or for their publication to Redis.",
)
ORDERS_AGE = _METER.create_gauge(
    "authsession.self_service.orders.age",
    unit="s",
    description="Age of the oldest order of self-service that waits; 0 when none does.",
)


def show_that_nothing_was_refused() -> None:
    """Set all counts to zero at the start, so that the first refusal shows as an increase."""
    for outcome in OrderOutcome:
        ORDERS.add(0, {"outcome": outcome.value})
