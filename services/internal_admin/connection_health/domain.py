"""The state of a connection after each probe, and when the next one is due; pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from contracts.control_plane.connection_health import Status
from contracts.control_plane.connections import Result
from shared.kernel.entropy import Entropy

SLOW_MS: Final = 2000
"""A good answer that took longer makes a connection `degraded`."""
FAILURES: Final = 3
"""Failures in a row that make a connection `failing`."""
SUCCESSES: Final = 2
"""Good answers in a row that make a connection `healthy` again."""
_MAX_DOUBLINGS = 10


@dataclass(frozen=True, slots=True)
class State:
    """The state of one accepted revision. `failures` and `successes` are in a row, so one of them is 0."""

    status: Status
    failures: int = 0
    successes: int = 0


UNKNOWN: Final = State("unknown")
"""The state of a revision that was never probed."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The result of a probe, or of real use; then the duration is 0."""

    connection_id: str
    revision: int
    result: Result
    duration_ms: int

    @property
    def is_slow(self) -> bool:
        return self.duration_ms > SLOW_MS


@dataclass(frozen=True, slots=True)
class Change:
    """A connection whose status changed."""

    connection_id: str
    kind: str
    before: Status
    after: Status
    result: Result


def decide(state: State, observed: Observed) -> State:
    """The state after an observation.

    A failure counts towards `failing`. A slow answer ends both counts. The first good answer of a revision is enough
    for `healthy`; after a failure or a slow answer it takes two.
    """
    if observed.result != "verified":
        failures = state.failures + 1
        is_failing = state.status == "failing" or failures >= FAILURES
        return State("failing" if is_failing else "degraded", failures=failures)
    if observed.is_slow:
        return State("degraded")
    successes = min(state.successes + 1, SUCCESSES)
    is_healthy = state.status in ("unknown", "healthy") or successes >= SUCCESSES
    return State("healthy" if is_healthy else state.status, successes=successes)


def next_wait(state: State, interval: timedelta, longest: timedelta, entropy: Entropy) -> timedelta:
    """The time until the next probe: the interval, doubled with each failure from the third on, at most `longest`.

    It varies by 10 % to both sides, so that connections that began together spread out.
    """
    doublings = min(max(state.failures - FAILURES + 1, 0), _MAX_DOUBLINGS)
    spread = 0.9 + 0.2 * entropy.token_bytes(1)[0] / 255
    return min(interval * 2**doublings, longest) * spread
