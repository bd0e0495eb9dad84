"""What the public flow counts: outcomes as words, never who or what they were about."""

from collections.abc import Callable

from opentelemetry.metrics import Meter

Count = Callable[[str], None]
"""Called with an outcome's name, once each."""


def counts_by_outcome(meter: Meter, name: str, description: str) -> Count:
    """A counter with the one attribute `outcome`."""
    counter = meter.create_counter(name, description=description)

    def count(outcome: str) -> None:
        counter.add(1, {"outcome": outcome})

    return count
