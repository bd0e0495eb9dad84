"""Commands that block and unblock a subject, the decision about a block, and every way they end (SPEC §4.1, §4.2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

from services.internal_admin.callers.identity import Cause
from services.internal_admin.sessions.domain import UserNotFound
from shared.kernel.block import Block, Subject
from shared.kernel.projection_change import ProjectionChange


@dataclass(frozen=True, slots=True)
class BlockSubject:
    """Block until `expires_at`, or until unblocked if that is None."""

    subject: Subject
    expires_at: datetime | None
    cause: Cause
    is_known_elsewhere: bool = False
    """The user service knows the user, so a user who never logged in here may be blocked."""
    is_ordered_elsewhere: bool = False
    """The user service is told of a block without an end. It has no way to end a block (SPEC §8)."""


@dataclass(frozen=True, slots=True)
class UnblockSubject:
    """End the block on a subject."""

    subject: Subject
    cause: Cause


@dataclass(frozen=True, slots=True)
class StandingBlock:
    """The block row of a subject, expired or not."""

    block_id: int
    expires_at: datetime | None

    def has_expired(self, now: datetime) -> bool:
        """Whether the block is over. Its last instant is before its `expires_at`."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class ListedBlock:
    """A block, and its place in the list of all: a higher `block_id` is newer."""

    block_id: int
    block: Block


@dataclass(frozen=True, slots=True)
class PlaceBlock:
    """No block is in force: make one, and remove the row `expired` if there is one."""

    expired: StandingBlock | None


@dataclass(frozen=True, slots=True)
class ChangeExpiry:
    """The subject is blocked until another instant: change that."""

    standing: StandingBlock


@dataclass(frozen=True, slots=True)
class KeepBlock:
    """The subject is blocked until exactly that instant: change nothing."""


@dataclass(frozen=True, slots=True)
class RefuseExpiry:
    """The block would end before it began: refuse it."""


BlockDecision: TypeAlias = PlaceBlock | ChangeExpiry | KeepBlock | RefuseExpiry


def decide_block(standing: StandingBlock | None, expires_at: datetime | None, now: datetime) -> BlockDecision:
    """How to block a subject until `expires_at` while it has the block `standing`, at `now` of Postgres' clock."""
    if expires_at is not None and expires_at <= now:
        return RefuseExpiry()
    if standing is None or standing.has_expired(now):
        return PlaceBlock(expired=standing)
    if standing.expires_at != expires_at:
        return ChangeExpiry(standing)
    return KeepBlock()


# Outcomes: `name` and `changes` as in `sessions.domain`.


@dataclass(frozen=True, slots=True)
class Blocked:
    """The subject was not blocked, and is now. `changes` are the sessions that this revoked, newest first, then by id.

    `before` holds the ids that earlier `Part`s revoked. They come first in the answer.
    """

    changes: tuple[ProjectionChange, ...]
    before: tuple[str, ...] = ()
    name: ClassVar[str] = "blocked"


@dataclass(frozen=True, slots=True)
class AlreadyBlocked:
    """The subject was blocked before, and is blocked until the requested instant now.

    `changes` are sessions that it still had, because an earlier request ended between two of its transactions.
    """

    changes: tuple[ProjectionChange, ...]
    before: tuple[str, ...] = ()
    name: ClassVar[str] = "already_blocked"


@dataclass(frozen=True, slots=True)
class ExpiryPassed:
    """`expires_at` is not in the future: nothing changed."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "expiry_passed"


@dataclass(frozen=True, slots=True)
class Unblocked:
    """The subject was blocked, and is not any more."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[Literal["unblocked"]] = "unblocked"


@dataclass(frozen=True, slots=True)
class NotBlocked:
    """The subject was not blocked, or only by a block that had expired."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[Literal["not_blocked"]] = "not_blocked"


BlockOutcome: TypeAlias = Blocked | AlreadyBlocked | UserNotFound | ExpiryPassed
UnblockOutcome: TypeAlias = Unblocked | NotBlocked
