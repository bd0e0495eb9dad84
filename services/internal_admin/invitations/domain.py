"""Commands on invitations, the decision about one, and every way they end (SPEC §20.4)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, TypeAlias
from uuid import UUID

from contracts.control_plane.invitations import InviteOutcome as InviteWord
from services.internal_admin.callers.identity import Caller
from shared.kernel.actor import Actor
from shared.kernel.email_address import EmailAddress
from shared.kernel.projection_change import ProjectionChange


@dataclass(frozen=True, slots=True)
class InviteAddress:
    """Let `email` sign up for `life` from now on. With a `letter_locale` a letter tells its reader.

    `actor` is the person at the terminal, on the command line only.
    """

    invitation_id: str
    letter_id: UUID
    email: EmailAddress = field(repr=False)
    life: timedelta
    letter_locale: str | None
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class WithdrawInvitation:
    """Remove an invitation. A user who signed up by it stays."""

    invitation_id: str
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class InvitedAddress:
    """An address in the state in which it was read, under the lock of its row."""

    now: datetime
    is_blocked: bool
    """The address is blocked, or its domain is blocked or not allowed."""
    has_user: bool
    invitation_id: str | None
    """The invitation that it has, over or not."""
    expires_at: datetime | None
    is_letter_waiting: bool
    """An invitation's letter to it is not yet sent."""


@dataclass(frozen=True, slots=True)
class WriteInvitation:
    """Write the invitation `invitation_id`, new or again. Queue a letter if `queues_letter`."""

    invitation_id: str
    expires_at: datetime
    outcome: InviteWord
    queues_letter: bool


@dataclass(frozen=True, slots=True)
class Invited:
    """The address may sign up until `expires_at`. `name` is `invited`, or `renewed` if an invitation stood."""

    name: InviteWord
    invitation_id: str
    expires_at: datetime
    letter_queued: bool
    changes: tuple[ProjectionChange, ...] = ()


@dataclass(frozen=True, slots=True)
class AddressBlocked:
    """The address or its domain is blocked, so an invitation would open nothing: nothing changed."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "email_blocked"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The invitation is gone, and so is its letter, if that still waited."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "deleted"


@dataclass(frozen=True, slots=True)
class InvitationNotFound:
    """No invitation has the id."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "invitation_not_found"


InviteOutcome: TypeAlias = Invited | AddressBlocked
WithdrawOutcome: TypeAlias = Withdrawn | InvitationNotFound


def decide_invitation(address: InvitedAddress, command: InviteAddress) -> WriteInvitation | AddressBlocked:
    """How to invite an address. A user needs no letter, and one letter that waits is enough."""
    if address.is_blocked:
        return AddressBlocked()
    stands = address.expires_at is not None and address.expires_at > address.now
    return WriteInvitation(
        invitation_id=address.invitation_id or command.invitation_id,
        expires_at=address.now + command.life,
        outcome="renewed" if stands else "invited",
        queues_letter=command.letter_locale is not None and not address.has_user and not address.is_letter_waiting,
    )
