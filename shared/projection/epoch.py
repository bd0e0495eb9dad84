"""When a new epoch must begin (SPEC §6.4): pure comparison of what Postgres kept with what Redis says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

State: TypeAlias = Literal["rebuilding", "complete"]

Reason: TypeAlias = Literal[
    "requested", "redis_lost", "redis_replaced", "redis_went_back", "redis_restarted",
    "postgres_went_back", "postgres_promoted", "postgres_restarted", "session_max_age_changed",
]  # fmt: skip


_MAX_BEATS_APART = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Kept:
    """The keeper's row in Postgres; what ends in `_now`, and the clock in milliseconds, are of when it was read."""

    epoch: str
    state: State
    beat: int
    run_id: str
    timeline: str
    postgres_started_at: datetime
    session_max_age: timedelta
    rebuild_requested: bool
    now_ms: int
    timeline_now: str
    postgres_started_at_now: datetime
    session_max_age_now: timedelta


@dataclass(frozen=True, slots=True)
class Seen:
    """The projection key in Redis (None where it has no such field), and the server that holds it."""

    epoch: str | None
    state: str | None
    beat: int | None
    run_id: str


def new_epoch_reason(kept: Kept, seen: Seen) -> Reason | None:
    """Why what is in Redis cannot be trusted to be what was published, or None.

    Redis is beaten first and Postgres after, so an older beat in Redis is always Redis' loss. An older one in Postgres
    is Postgres' loss, or a keeper that stopped between the two: the rebuild that follows is then merely not needed.
    """
    match seen:
        case Seen(epoch=None) | Seen(beat=None):
            return "redis_lost"
        case Seen(epoch=epoch) if epoch != kept.epoch:
            return "redis_replaced"
        case Seen(beat=int(beat)) if beat < kept.beat:
            return "redis_went_back"
        case Seen(beat=int(beat)) if beat > kept.beat:
            return "postgres_went_back"
        case Seen(run_id=run_id) if run_id != kept.run_id:
            return "redis_restarted"
        case _:
            return _reason_in_postgres(kept)


def is_settled(kept: Kept, seen: Seen) -> bool:
    """Whether both servers hold what was published: no epoch begins, and no rebuild is under way.

    `seen` was read shortly before `kept`, so beats may differ by a few.
    """
    is_complete = (seen.epoch, seen.state, seen.run_id, kept.state) == (kept.epoch, "complete", kept.run_id, "complete")
    is_near = seen.beat is not None and abs(kept.beat - seen.beat) <= _MAX_BEATS_APART / timedelta(milliseconds=1)
    return is_complete and is_near and _reason_in_postgres(kept) is None


def last_good_beat(kept: Kept, seen: Seen) -> int:
    """The instant, in milliseconds, up to which Redis and Postgres both hold what was published."""
    return min(kept.beat, kept.now_ms, kept.beat if seen.beat is None else seen.beat)


def next_beat(kept: Kept) -> int:
    """Postgres' clock, but always more than the last beat: a clock that is set back must not look like a loss."""
    return max(kept.now_ms, kept.beat + 1)


def _reason_in_postgres(kept: Kept) -> Reason | None:
    if kept.timeline != kept.timeline_now:
        return "postgres_promoted"
    if kept.postgres_started_at != kept.postgres_started_at_now:  # on older data perhaps: none of the beats tells
        return "postgres_restarted"
    if kept.session_max_age != kept.session_max_age_now:
        return "session_max_age_changed"
    return "requested" if kept.rebuild_requested else None
