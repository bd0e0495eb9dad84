"""Metrics of the rollout and of nodes' reports. A label names a pool, never a node.

Counts add up what nodes reported since their last status, so the restart of a node breaks no counter.
"""

from collections.abc import Mapping
from datetime import timedelta

from opentelemetry import metrics

from contracts.control_plane.rollout import RolloutState
from contracts.node.manifest import NOWHERE
from contracts.node.status import Report
from contracts.signed_request import RequestRefusal
from services.internal_admin.node_config.domain.rollout import PoolReport
from services.internal_admin.node_config.domain.status import Change, Told
from shared.telemetry.instruments import module_histogram

_METER = metrics.get_meter("authsession")
_KNOWN_REFUSALS = frozenset(refusal.value for refusal in RequestRefusal)
_OTHER = "other"
_MOST_COUNTED = 10**10

APPLY_DURATION = module_histogram(
    "authsession.config.apply",
    "Time from the activation of a configuration until a node reports that it applied it.",
    (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)
_NODES = _METER.create_gauge(
    "authsession.config.nodes", unit="{node}", description="Active nodes by pool and state in the rollout."
)
_REJECTIONS = _METER.create_counter(
    "authsession.config.rejections", unit="{rejection}", description="Configurations that nodes rejected, by pool."
)
_SHARED_KEYS = _METER.create_counter(
    "authsession.node.shared_keys",
    unit="{detection}",
    description="Detections of two processes with the key of one node, by pool.",
)
_PASSED = _METER.create_counter(
    "authsession.node.passed", unit="{request}", description="Requests that nodes let pass, by pool."
)
_REFUSED = _METER.create_counter(
    "authsession.node.refused", unit="{request}", description="Requests that nodes refused, by pool and code."
)
_SESSIONS = _METER.create_gauge(
    "authsession.node.sessions_cached", unit="{session}", description="Sessions that nodes hold in memory, by pool."
)
_REDIS_LOST = _METER.create_gauge(
    "authsession.node.redis_lost", unit="{node}", description="Nodes that have lost Redis, by pool."
)
_LAG = _METER.create_gauge(
    "authsession.node.revocation.lag",
    unit="s",
    description="Largest 99th percentile that a node reports of the time from a revocation to its arrival, by pool.",
)
_KEY_SHARED = _METER.create_gauge(
    "authsession.node.key_shared", unit="{node}", description="Nodes whose key two processes used in the last hour."
)


def count_change(pool: str, change: Change, before: Told, applied_after: timedelta | None) -> None:
    """Count what a written status says anew. A node's first configuration tells nothing of the time to apply."""
    if change.is_rejection:
        _REJECTIONS.add(1, {"pool": pool})
    if change.is_key_shared:
        _SHARED_KEYS.add(1, {"pool": pool})
    if applied_after is not None and before.applied.position not in (NOWHERE, change.told.applied.position):
        APPLY_DURATION.record(applied_after.total_seconds())


def count_report(pool: str, report: Report) -> None:
    """Add the counts of a report."""
    _PASSED.add(counted(report.passed), {"pool": pool})
    for code, count in report.refused.items():
        _REFUSED.add(counted(count), {"pool": pool, "code": code if code in _KNOWN_REFUSALS else _OTHER})


def counted(count: int) -> int:
    """The part of a reported count that is added, at most 10^10: the requests of days.

    A counter above 64 bits ends the export of all metrics by OTLP. Otherwise one node could take it there.
    """
    return min(count, _MOST_COUNTED)


def show_states(pool: str, counts: Mapping[RolloutState, int]) -> None:
    """Show how many nodes of a pool are in each state."""
    for state, count in counts.items():
        _NODES.set(count, {"pool": pool, "state": state})


def show_report(report: PoolReport) -> None:
    """Show what the nodes of a pool report now."""
    _SESSIONS.set(report.sessions_cached, {"pool": report.pool})
    _REDIS_LOST.set(report.redis_lost, {"pool": report.pool})
    _LAG.set(report.revocation_lag.total_seconds(), {"pool": report.pool})
    _KEY_SHARED.set(report.key_shared, {"pool": report.pool})
