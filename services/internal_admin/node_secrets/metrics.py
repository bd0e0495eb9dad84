"""Metrics of secrets that nodes open."""

from collections.abc import Iterable

from opentelemetry import metrics

from services.internal_admin.node_secrets.domain import Outcome

_METER = metrics.get_meter("authsession")
_OPENED = _METER.create_counter(
    "authsession.secrets.opened", unit="{secret}", description="Secrets that nodes opened, each version once a request."
)
_REFUSED = _METER.create_counter(
    "authsession.secrets.refused",
    unit="{secret}",
    description="Secrets that nodes asked for and did not get, by reason. `unreadable` is a damaged row.",
)


def count(outcomes: Iterable[Outcome]) -> None:
    """Count the recorded outcomes of a request."""
    for outcome in outcomes:
        if outcome is Outcome.OPENED:
            _OPENED.add(1)
        else:
            _REFUSED.add(1, {"reason": outcome.value})
