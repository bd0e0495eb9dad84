"""Commands that change or erase a user of the local directory, and every way they end (SPEC §4.1, §8 `stub`)."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from services.internal_admin.callers.identity import Cause
from services.internal_admin.sessions.domain import UserNotFound
from shared.kernel.email_address import EmailAddress
from shared.kernel.projection_change import ProjectionChange


@dataclass(frozen=True, slots=True)
class DeleteUser:
    """Revoke the user's sessions, and erase the address and all that was kept of the logins."""

    user_id: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class UserDeleted:
    """The user is gone. `changes` are the sessions that this revoked, newest first, then by id.

    `before` holds the ids that earlier `Part`s revoked. `is_address_kept_for_block`: the address is blocked, so the
    block and the address that it names stay.
    """

    changes: tuple[ProjectionChange, ...]
    is_address_kept_for_block: bool
    before: tuple[str, ...] = ()
    name: ClassVar[str] = "deleted"


DeleteUserOutcome: TypeAlias = UserDeleted | UserNotFound


@dataclass(frozen=True, slots=True)
class ChangeUserEmail:
    """Give the user the address `email`: letters go to it, and it logs the user in. Sessions stay."""

    user_id: str
    email: EmailAddress = field(repr=False)
    cause: Cause
    users_live_elsewhere: bool
    """Users live in a user service, which alone may change an address."""


@dataclass(frozen=True, slots=True)
class EmailChanged:
    """The user has the new address; no session changed. Both ids are those of address rows."""

    old_email_id: int
    new_email_id: int
    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[Literal["changed"]] = "changed"


@dataclass(frozen=True, slots=True)
class EmailUnchanged:
    """The user had the address before, in this spelling."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[Literal["unchanged"]] = "unchanged"


@dataclass(frozen=True, slots=True)
class EmailInUse:
    """The address belongs to another user."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "email_in_use"


@dataclass(frozen=True, slots=True)
class EmailBlocked:
    """The old or new address is blocked, or the new one's domain: no change may give or lift a block silently."""

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
