"""The decision whether a new epoch must begin (SPEC §6.4): a pure comparison of Postgres with Redis."""

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
    """The keeper's row in Postgres. Fields with `now` in their names have the values at the time of the read."""

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
    """The fields of the projection key in Redis, each None if missing, and the `run_id` of the server."""

    epoch: str | None
    state: str | None
    beat: int | None
    run_id: str


def new_epoch_reason(kept: Kept, seen: Seen) -> Reason | None:
    """The reason why Redis may not hold what was published, or None.

    A beat goes to Redis first and then to Postgres, so an older beat in Redis always means that Redis lost data. An
    older beat in Postgres means that Postgres lost data, or that the keeper stopped between the two writes. In that
    case the rebuild is not needed but harmless.
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
    """Whether both servers hold what was published: no new epoch is due, and no rebuild is under way.

    `seen` must be read shortly before `kept`. Their beats may differ by up to `_MAX_BEATS_APART`.
    """
    is_complete = (seen.epoch, seen.state, seen.run_id, kept.state) == (kept.epoch, "complete", kept.run_id, "complete")
    is_near = seen.beat is not None and abs(kept.beat - seen.beat) <= _MAX_BEATS_APART / timedelta(milliseconds=1)
    return is_complete and is_near and _reason_in_postgres(kept) is None


def last_good_beat(kept: Kept, seen: Seen) -> int:
    """The instant, in milliseconds since 1970, up to which Redis and Postgres both hold what was published."""
    return min(kept.beat, kept.now_ms, kept.beat if seen.beat is None else seen.beat)


def next_beat(kept: Kept) -> int:
    """Postgres' clock in milliseconds, but above the last beat, so that a clock set back does not look like a loss."""
    return max(kept.now_ms, kept.beat + 1)


def _reason_in_postgres(kept: Kept) -> Reason | None:
    if kept.timeline != kept.timeline_now:
        return "postgres_promoted"
    if kept.postgres_started_at != kept.postgres_started_at_now:  # perhaps on older data, which no beat would show
        return "postgres_restarted"
    if kept.session_max_age != kept.session_max_age_now:
        return "session_max_age_changed"
    return "requested" if kept.rebuild_requested else None
