"""Domain: erasing a user: the command, and every way it ends."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from services.internal_admin.callers.identity import Cause
from services.internal_admin.sessions.domain import UserNotFound
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
