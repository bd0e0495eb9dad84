"""Counters of the public flow. Their attributes are outcomes, never persons or addresses."""

from collections.abc import Callable

from opentelemetry import metrics
from opentelemetry.metrics import Meter

from shared.telemetry.instruments import Counter

_WRONG_CODES = metrics.get_meter("authsession").create_counter(
    "authsession.wrong_codes",
    unit="{guess}",
    description="Wrong codes, by whether they were compared with a live code.",
)

Count = Callable[[str], None]
"""Counts one outcome, given by its name."""


def counts_by_outcome(meter: Meter, name: str, description: str) -> Count:
    """A counter whose only attribute is `outcome`."""
    return Counter(meter, name, description, "outcome").add


def count_wrong_code(*, evaluated: bool) -> None:
    """Counts one wrong code. An `evaluated` one spent an attempt of its e-mail's budget; the other codes had ended."""
    _WRONG_CODES.add(1, {"evaluated": evaluated})
