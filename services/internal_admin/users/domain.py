"""Domain: a user of the local directory (SPEC §8 `stub`)."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from services.internal_admin.callers.identity import Cause
from services.internal_admin.sessions.domain import UserNotFound
from shared.kernel.email_address import EmailAddress
from shared.kernel.projection_change import ProjectionChange


@dataclass(frozen=True, slots=True)
class DeleteUser:
    """Revoke the user's sessions and erase their address and what was kept of their logins."""

    user_id: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class UserDeleted:
    """The user is gone; `changes` are the sessions this revoked, newest first, then by id; `before` them come those of
    earlier `Part`s.

    `is_address_kept_for_block`: the address is blocked, so the block and the address it names stay.
    """

    changes: tuple[ProjectionChange, ...]
    is_address_kept_for_block: bool
    before: tuple[str, ...] = ()
    name: ClassVar[str] = "deleted"


DeleteUserOutcome: TypeAlias = UserDeleted | UserNotFound


@dataclass(frozen=True, slots=True)
class ChangeUserEmail:
    """Letters go to `email` from now on, and logins by it are the user's. Sessions stay."""

    user_id: str
    email: EmailAddress = field(repr=False)
    cause: Cause
    users_live_elsewhere: bool
    """In a user service, which alone may change an address."""


@dataclass(frozen=True, slots=True)
class EmailChanged:
    """The address is the user's. No session changed. The rows of both addresses, by their ids."""

    old_email_id: int
    new_email_id: int
    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[Literal["changed"]] = "changed"


@dataclass(frozen=True, slots=True)
class EmailUnchanged:
    """It was the user's, in this spelling."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[Literal["unchanged"]] = "unchanged"


@dataclass(frozen=True, slots=True)
class EmailInUse:
    """It is another user's."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "email_in_use"


@dataclass(frozen=True, slots=True)
class EmailBlocked:
    """The old or the new address is blocked, or the new one's domain: no change gives or lifts a block silently."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "email_blocked"


@dataclass(frozen=True, slots=True)
class UsersLiveElsewhere:
    """A user service keeps the addresses."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "users_live_elsewhere"


ChangeUserEmailOutcome: TypeAlias = (
    EmailChanged | EmailUnchanged | EmailInUse | EmailBlocked | UsersLiveElsewhere | UserNotFound
)
