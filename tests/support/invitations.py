"""Invitations as a trusted caller writes and withdraws them: the units of work, as the internal role, without HTTP."""

from functools import partial
from typing import Any

from contracts.control_plane.invitations import DEFAULT_LIFE
from services.internal_admin.callers.identity import Caller
from services.internal_admin.invitations import store
from services.internal_admin.invitations.domain import InviteAddress, InviteOutcome, WithdrawInvitation, WithdrawOutcome
from shared.io.postgres import Body
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


def withdrawal(invitation_id: str) -> Body[WithdrawOutcome]:
    """The unit of work that withdraws an invitation, to be run on any connection."""
    return partial(store.withdraw_invitation, command=WithdrawInvitation(invitation_id, CALLER))


async def withdraw(world: World, invitation_id: str) -> str:
    """A trio function that withdraws an invitation, and returns the outcome's name."""
    return (await world.internal.unit_of_work(withdrawal(invitation_id))).name
