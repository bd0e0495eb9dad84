"""The routes of invitations (SPEC §20.4)."""

from dataclasses import dataclass
from functools import partial
from typing import assert_never

from contracts.control_plane.invitations import (
    decode_invite,
    decode_list_invitations,
    encode_delete_invitation,
    encode_invitations,
    encode_invite,
)
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.request import caller_of, email_address
from services.internal_admin.callers.route import Route
from services.internal_admin.changes.api import answered, response
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.invitations import store
from services.internal_admin.invitations.domain import (
    AddressBlocked,
    InvitationNotFound,
    InviteAddress,
    Invited,
    InviteOutcome,
    WithdrawInvitation,
    Withdrawn,
    WithdrawOutcome,
)
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.ids import new_invitation_id, new_uuid
from shared.kernel.language import preferred_language
from shared.web.exchange import Request, Response

_INVITATIONS = CONTROL_PLANE + "/access/invitations"


@dataclass(frozen=True, slots=True)
class InvitationApi:
    """Invites addresses, lists and withdraws invitations."""

    postgres: Postgres
    change: PublishedChange
    clock: Clock
    entropy: Entropy

    async def list(self, request: Request, _: Identity | None) -> Response:
        """Invitations, newest first, those that are accepted or over too."""
        asked = decode_list_invitations(request.query)
        page = await self.postgres.unit_of_work(store.list_invitations, asked.after, asked.limit)
        next_after = page.items[-1].invitation_id if page.has_more else None
        return Response(200, encode_invitations(page.items, next_after))

    async def invite(self, request: Request, identity: Identity | None) -> Response:
        """Let an address sign up. A repeat renews the invitation."""
        asked = decode_invite(request.body)
        command = InviteAddress(
            new_invitation_id(self.clock, self.entropy),
            new_uuid(self.clock, self.entropy),
            email_address(asked.email),
            asked.life,
            preferred_language(asked.locale) if asked.send else None,
            caller_of(request, identity),
        )
        change = answered(self.change, request, identity, _invited)
        return response(await change.make(store.invite_address, command))

    async def withdraw(self, request: Request, identity: Identity | None) -> Response:
        """Remove an invitation. A user who signed up by it stays."""
        command = WithdrawInvitation(request.path_parameters["invitation_id"], caller_of(request, identity))
        change = answered(self.change, request, identity, partial(_withdrawn, command.invitation_id))
        return response(await change.make(store.withdraw_invitation, command))


ROUTES: tuple[Route[InvitationApi], ...] = (
    Route("GET", _INVITATIONS, InvitationApi.list, access=Scoped(Scope.INVITATIONS_READ)),
    Route("POST", _INVITATIONS, InvitationApi.invite, access=Scoped(Scope.INVITATIONS_WRITE), accepts_body=True),
    Route(
        "DELETE",
        _INVITATIONS + "/{invitation_id}",
        InvitationApi.withdraw,
        access=Scoped(Scope.INVITATIONS_WRITE),
    ),
)


def _invited(outcome: InviteOutcome) -> bytes:
    match outcome:
        case Invited(name, invitation_id, expires_at, letter_queued):
            return encode_invite(name, invitation_id, expires_at, letter_queued=letter_queued)
        case AddressBlocked():
            raise Refusal(ErrorCode.EMAIL_BLOCKED, "the e-mail or its domain is blocked: unblock it first")
        case _:
            assert_never(outcome)


def _withdrawn(invitation_id: str, outcome: WithdrawOutcome) -> bytes:
    match outcome:
        case Withdrawn():
            return encode_delete_invitation(invitation_id)
        case InvitationNotFound():
            raise Refusal(ErrorCode.INVITATION_NOT_FOUND)
        case _:
            assert_never(outcome)
