"""A rate: so many of something in a time."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` per `period`, spread evenly, in bursts of at most `count`."""

    count: int
    period: timedelta
