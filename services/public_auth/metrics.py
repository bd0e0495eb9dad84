"""What the public flow counts: outcomes as words, never who or what they were about."""

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
"""Called with an outcome's name, once each."""


def counts_by_outcome(meter: Meter, name: str, description: str) -> Count:
    """A counter with the one attribute `outcome`."""
    return Counter(meter, name, description, "outcome").add


def count_wrong_code(*, evaluated: bool) -> None:
    """One guess: `evaluated` spent an attempt of an e-mail's budget; the others were at codes that are no more."""
    _WRONG_CODES.add(1, {"evaluated": evaluated})
