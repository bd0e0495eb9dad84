"""Invitations as a trusted caller writes and withdraws them: the units of work, as the internal role, without HTTP."""

from typing import Any

from contracts.control_plane.invitations import DEFAULT_LIFE
from services.internal_admin.callers.identity import Caller
from services.internal_admin.invitations import store
from services.internal_admin.invitations.domain import InviteAddress, InviteOutcome, WithdrawInvitation
from shared.kernel.clock import SystemClock
from shared.kernel.email_address import parse_email
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_invitation_id, new_uuid
from tests.support.world import World

CALLER = Caller("operator-1", "192.0.2.7", "request-1")
_CLOCK, _ENTROPY = SystemClock(), SystemEntropy()


async def invite(world: World, email: str, **changes: Any) -> InviteOutcome:
    """A trio function that invites an address."""
    values: dict[str, Any] = {"life": DEFAULT_LIFE, "letter_locale": None, "caller": CALLER} | changes
    ids = {"invitation_id": new_invitation_id(_CLOCK, _ENTROPY), "letter_id": new_uuid(_CLOCK, _ENTROPY)}
    command = InviteAddress(email=parse_email(email), **ids, **values)
    return await world.internal.unit_of_work(store.invite_address, command)


async def withdraw(world: World, invitation_id: str) -> str:
    """A trio function that withdraws an invitation, and returns the outcome's name."""
    outcome = await world.internal.unit_of_work(store.withdraw_invitation, WithdrawInvitation(invitation_id, CALLER))
    return outcome.name
