"""Metrics of the connections to Postgres, by OpenTelemetry's conventions for pools (`db.client.connection.…`)."""

from collections.abc import Callable, Iterable

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

_METER = metrics.get_meter("authsession")
_NAME = "db.client.connection.pool.name"
_POOL = {_NAME: "postgres"}

_WAIT_TIME = _METER.create_histogram(
    "db.client.connection.wait_time", unit="s",
    description="How long units of work waited for a Postgres connection, of those that had to wait.",
    explicit_bucket_boundaries_advisory=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)  # fmt: skip
_TIMEOUTS = _METER.create_counter(
    "db.client.connection.timeouts",
    unit="{timeout}",
    description="Units of work that got no Postgres connection in time.",
)


def watch_pool(size: int, in_use: Callable[[], int], waiting: Callable[[], int]) -> None:
    """Show a pool from now on. Each scrape or export calls the functions, in its own thread."""
    _METER.create_observable_up_down_counter(
        "db.client.connection.max",
        [_observed(lambda: size)],
        unit="{connection}",
        description="Maximum number of Postgres connections.",
    )
    _METER.create_observable_up_down_counter(
        "db.client.connection.pending_requests",
        [_observed(waiting)],
        unit="{request}",
        description="Units of work that wait for a Postgres connection.",
    )
    _METER.create_observable_up_down_counter(
        "db.client.connection.count",
        [_observed(in_use, "used"), _observed(lambda: size - in_use(), "idle")],
        unit="{connection}",
        description="Postgres connections that carry a unit of work (`used`), and those that are free (`idle`).",
    )


def record_wait(seconds: float, *, in_vain: bool) -> None:
    """Record the wait of a unit of work that found no free connection. Other units do not wait and are not recorded."""
    _WAIT_TIME.record(seconds, _POOL)
    if in_vain:
        _TIMEOUTS.add(1, _POOL)


def _observed(read: Callable[[], int], state: str | None = None) -> Callable[[CallbackOptions], Iterable[Observation]]:
    attributes = _POOL if state is None else {**_POOL, "db.client.connection.state": state}
    return lambda _: (Observation(read(), attributes),)
