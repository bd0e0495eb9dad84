"""Decides how a status changes the kept state of a node, and which events follow (SPEC §16.3)."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from contracts.node.manifest import NOWHERE, Position
from contracts.node.status import ConfigError, ConfigOutcome, Status

REPEAT_WRITTEN_AFTER = timedelta(seconds=30)
"""A status that only repeats the one before is written at most this often."""
SHARED_WITHIN = timedelta(minutes=10)
"""A boot id that returns within this time, after another one, is another process with the same key."""
TOLD_AGAIN_AFTER = timedelta(hours=1)
"""A key that stays shared is told of again after this time."""
_FARTHEST_AHEAD = timedelta(seconds=30)
"""No request is taken that was signed farther ahead of Postgres' clock."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Applied:
    """The configuration that a node runs with, since `at`. `outcome` is `applied` or `degraded`."""

    position: Position = NOWHERE
    digest: str | None = None
    outcome: str | None = None
    source: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The configuration that a node refuses, since `at`."""

    position: Position = NOWHERE
    digest: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Boots:
    """The boot ids of a node, and when the present one came. `shared_at`: two processes were seen to use its key."""

    boot_id: str | None = None
    previous: str | None = None
    changed_at: datetime | None = None
    shared_at: datetime | None = None


NO_BOOT, NOT_APPLIED, NOT_REJECTED = Boots(), Applied(), Rejected()


@dataclass(frozen=True, slots=True)
class Told:
    """All that a node told of itself. `status_at_ms` is the time in the envelope of its last written status."""

    status_at_ms: int = 0
    last_seen_at: datetime | None = None
    software: str | None = None
    boots: Boots = NO_BOOT
    applied: Applied = NOT_APPLIED
    rejected: Rejected = NOT_REJECTED
    error: ConfigError | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """A state to write in the place of the one with `replaces_at_ms`.

    `is_rejection`: the node rejects a configuration that it did not reject before. `is_key_shared`: tell of it now.
    """

    told: Told
    replaces_at_ms: int
    is_rejection: bool
    is_key_shared: bool


def is_late(before: Told, signed_at_ms: int, now: datetime) -> bool:
    """Whether a newer status was written already. The late one then tells nothing.

    A written one from farther ahead than any can be is from before the clock of Postgres was set back.
    """
    written_at = _EPOCH + timedelta(milliseconds=before.status_at_ms)
    return signed_at_ms <= before.status_at_ms and written_at <= now + _FARTHEST_AHEAD


def decide_status(before: Told, status: Status, signed_at_ms: int, now: datetime) -> Change | None:
    """The change that a status asks for; None if there is nothing to write: it is late, or a mere repeat."""
    if is_late(before, signed_at_ms, now):
        return None
    boots, is_key_shared = decide_boots(before.boots, status.boot_id, now)
    applied = _applied(before.applied, status, now)
    rejected, error = _rejected(before, status, applied, now)
    software = before.software if status.software is None else status.software
    told = Told(signed_at_ms, now, software, boots, applied, rejected, error)
    if _is_recent(before, now) and told == replace(before, status_at_ms=signed_at_ms, last_seen_at=now):
        return None
    is_rejection = rejected != before.rejected and rejected.digest is not None
    return Change(told, before.status_at_ms, is_rejection, is_key_shared)


def decide_boots(before: Boots, boot_id: str, now: datetime) -> tuple[Boots, bool]:
    """The boot ids from now on, and whether to tell of a shared key.

    A, B, A within ten minutes cannot be one process, because each start makes a new boot id. A, B is a restart.
    """
    if boot_id == before.boot_id:
        return before, False
    age = None if before.changed_at is None else now - before.changed_at
    is_shared = boot_id == before.previous and age is not None and age <= SHARED_WITHIN
    is_news = is_shared and (before.shared_at is None or now - before.shared_at > TOLD_AGAIN_AFTER)
    return Boots(boot_id, before.boot_id, now, now if is_news else before.shared_at), is_news


def _applied(before: Applied, status: Status, now: datetime) -> Applied:
    """The configuration that the node runs with. Its time stays while the node only repeats it."""
    config, serving = status.config, status.applied
    if config is not None and config.outcome != "rejected":
        told = Applied(config.position, config.digest, config.outcome, config.source, before.at)
    elif serving is not None:
        told = Applied(serving.position, serving.digest, "applied", serving.source, before.at)
    else:
        return NOT_APPLIED
    return told if told == before else replace(told, at=now)


def _rejected(before: Told, status: Status, applied: Applied, now: datetime) -> tuple[Rejected, ConfigError | None]:
    """The rejection that holds now, and the error of the rejection or of the degraded configuration.

    A rejection ends when the node applies that configuration or a newer one.
    """
    config = status.config
    if config is not None and config.outcome == "rejected":
        return _rejection(before.rejected, config, now), config.error
    if config is not None and before.rejected.position > applied.position:
        return before.rejected, config.error or before.error
    return NOT_REJECTED, None if config is None else config.error


def _rejection(before: Rejected, config: ConfigOutcome, now: datetime) -> Rejected:
    told = Rejected(config.position, config.digest, before.at)
    return told if told == before else replace(told, at=now)


def _is_recent(before: Told, now: datetime) -> bool:
    return before.last_seen_at is not None and abs(now - before.last_seen_at) < REPEAT_WRITTEN_AFTER
