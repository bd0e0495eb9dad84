"""The health of a connection, as operators read it (SPEC §18.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args

from contracts.control_plane.connections import Result
from contracts.encoding import encode
from contracts.instant import encode_instant

Status: TypeAlias = Literal["unknown", "healthy", "degraded", "failing"]
"""`unknown`: the accepted revision was not probed yet, or there is none."""
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
MAX_SNAPSHOTS: Final = 50


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The result of one probe, or of real use; then the duration is 0."""

    checked_at: datetime
    result: Result
    duration_ms: int


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """The status of the accepted revision, and the last observations of the connection, the newest first."""

    status: Status
    since: datetime
    snapshots: Sequence[Snapshot]


def encode_health(health: HealthAnswer) -> bytes:
    """The answer. Without an observation there is no `last`."""
    snapshots = [_snapshot(each) for each in health.snapshots]
    last = {"last": snapshots[0]} if snapshots else {}
    return encode({"status": health.status, "since": encode_instant(health.since), **last, "snapshots": snapshots})


def _snapshot(snapshot: Snapshot) -> dict[str, object]:
    return {
        "checked_at": encode_instant(snapshot.checked_at),
        "result": snapshot.result,
        "duration_ms": snapshot.duration_ms,
    }
