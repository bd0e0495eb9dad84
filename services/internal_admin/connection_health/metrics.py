"""The metrics of health. Labels are kinds, states and results; a connection's name is none."""

from collections.abc import Iterable, Mapping

from opentelemetry import metrics

from contracts.connection_kinds import KINDS
from contracts.control_plane.connection_health import STATUSES

_METER = metrics.get_meter("authsession")

PROBES = _METER.create_counter(
    "authsession.connections.probes", unit="{probe}", description="Probes of accepted connections, by kind and result."
)
_BY_STATE = _METER.create_gauge(
    "authsession.connections.by_state",
    unit="{connection}",
    description="Accepted connections by kind and status. The process that probes shows it; the others show 0.",
)
_WAIT = _METER.create_gauge(
    "authsession.connections.probe_wait",
    unit="s",
    description="How long the accepted connection that has been due the longest waits for its probe.",
)


def show(counts: Mapping[tuple[str, str], int], longest_wait: float) -> None:
    """Set the gauges: every kind with every status, so that none keeps an old value."""
    for kind, status in _series():
        _BY_STATE.set(counts.get((kind, status), 0), {"kind": kind, "status": status})
    _WAIT.set(longest_wait)


def _series() -> Iterable[tuple[str, str]]:
    return ((kind, status) for kind in KINDS for status in STATUSES)
