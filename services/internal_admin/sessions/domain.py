"""Commands that revoke sessions, and every way they end (SPEC §4.1)."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from services.internal_admin.callers.identity import Cause
from shared.kernel.projection_change import ProjectionChange


@dataclass(frozen=True, slots=True)
class RevokeSession:
    """Revoke one session."""

    device_session_id: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class RevokeUserSessions:
    """Revoke each active session of a user, except one if it is named."""

    user_id: str
    except_device_session_id: str | None
    cause: Cause


# An outcome's `name` is its word in the answer (where it has one) and in the audit trail. Its `changes` are the gateway
# records that must be readable before the answer is given.


@dataclass(frozen=True, slots=True)
class Revoked:
    """The sessions of `changes` were active and are revoked now; newest first, then by id.

    `before` holds the ids that earlier `Part`s revoked. They come first in the answer.
    """

    changes: tuple[ProjectionChange, ...]
    before: tuple[str, ...] = ()
    name: ClassVar[str] = "revoked"


@dataclass(frozen=True, slots=True)
class AlreadyRevoked:
    """Nothing changed; the session's record is written again (SPEC §4.3)."""

    changes: tuple[ProjectionChange, ...]
    name: ClassVar[str] = "already_revoked"


@dataclass(frozen=True, slots=True)
class NoActiveSessions:
    """The user has no active session, or none but the one to keep."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "no_active_sessions"


@dataclass(frozen=True, slots=True)
class SessionNotFound:
    """No such session."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "session_not_found"


@dataclass(frozen=True, slots=True)
class UserNotFound:
    """No such user."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "subject_not_found"


@dataclass(frozen=True, slots=True)
class NotOfThisUser:
    """The session to keep does not belong to the user: nothing was revoked."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "except_not_of_this_user"


RevokeSessionOutcome: TypeAlias = Revoked | AlreadyRevoked | SessionNotFound
RevokeUserSessionsOutcome: TypeAlias = Revoked | NoActiveSessions | UserNotFound | NotOfThisUser
