"""A rate of requests."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests per `period`, spread evenly, with bursts of at most `count`.

    `cost` is how many of them one request counts for, `count` at most.
    """

    count: int
    period: timedelta
    cost: int = 1
