"""A rate of requests."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests per `period`, spread evenly, with bursts of at most `count`."""

    count: int
    period: timedelta
