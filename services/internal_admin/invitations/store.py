"""Units of work that invite an address and withdraw an invitation, and the list of invitations (SPEC §20.4).

Each unit is one transaction that holds the row of the address, and raises its version. A login that was decided before
is decided again, so no user is made by an invitation that is gone.
"""

import asyncpg

from contracts.audit_events import EventName
from contracts.control_plane.invitations import Invitation
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.callers.trail import audit_subject_of_email, audit_subject_of_id, insert_operator_event
from services.internal_admin.invitations.domain import (
    AddressBlocked,
    InvitationNotFound,
    InviteAddress,
    Invited,
    InvitedAddress,
    InviteOutcome,
    WithdrawInvitation,
    Withdrawn,
    WithdrawOutcome,
    decide_invitation,
)
from services.internal_admin.sessions.store import lock_email
from shared.io import queries
from shared.kernel.email_address import EmailAddress

_SQL = queries.load("services.internal_admin.invitations")


async def invite_address(connection: asyncpg.Connection, command: InviteAddress) -> InviteOutcome:
    """Write or renew an invitation, and queue its letter. Every outcome is audited, by the id of the address' row."""
    async with connection.transaction():
        email_id = await lock_email(connection, command.email.folded)
        outcome = await _invite(connection, command, email_id)
        is_invited = isinstance(outcome, Invited)
        await insert_operator_event(
            connection,
            EventName.WRITE_INVITATION,
            outcome.name,
            command.caller,
            actor=command.actor,
            subject=audit_subject_of_email(email_id),
            invitation_id=outcome.invitation_id if is_invited else None,
            expires_at=outcome.expires_at.isoformat() if is_invited else None,
            letter_queued=outcome.letter_queued if is_invited else None,
        )
        return outcome


async def withdraw_invitation(connection: asyncpg.Connection, command: WithdrawInvitation) -> WithdrawOutcome:
    """Remove an invitation and its letter that waits. Every outcome is audited."""
    async with connection.transaction():
        email_id = await connection.fetchval(*_SQL["lock_invited_email"](invitation_id=command.invitation_id))
        outcome: WithdrawOutcome = InvitationNotFound()
        if email_id is not None:
            await connection.execute(*_SQL["delete_waiting_letters"](email_id=email_id))
            if await connection.fetchval(*_SQL["delete_invitation"](invitation_id=command.invitation_id)):
                outcome = Withdrawn()
        await insert_operator_event(
            connection,
            EventName.DELETE_INVITATION,
            outcome.name,
            command.caller,
            actor=command.actor,
            subject=audit_subject_of_id(command.invitation_id)
            if email_id is None
            else audit_subject_of_email(email_id),
            invitation_id=command.invitation_id if isinstance(outcome, Withdrawn) else None,
        )
        return outcome


async def list_invitations(connection: asyncpg.Connection, after: str | None, limit: int) -> Page[Invitation]:
    """Invitations from the newest to the oldest, ended ones too; only those `after` an id, at most `limit`."""
    rows = await connection.fetch(*_SQL["list_invitations"](after_invitation_id=after, limit=limit + 1))
    return cut_page([Invitation(**row) for row in rows], limit)


async def _invite(connection: asyncpg.Connection, command: InviteAddress, email_id: int) -> InviteOutcome:
    decision = decide_invitation(await _read_address(connection, email_id, command.email), command)
    if isinstance(decision, AddressBlocked):
        return decision
    await connection.execute(
        *_SQL["write_invitation"](
            invitation_id=decision.invitation_id,
            email_id=email_id,
            email=command.email.identity,
            created_by=command.caller.name,
            expires_at=decision.expires_at,
        )
    )
    if decision.queues_letter:
        await connection.execute(
            *_SQL["queue_letter"](
                letter_id=command.letter_id,
                email_id=email_id,
                email=command.email.identity,
                locale=command.letter_locale,
                expires_at=decision.expires_at,
            )
        )
    return Invited(decision.outcome, decision.invitation_id, decision.expires_at, decision.queues_letter)


async def _read_address(connection: asyncpg.Connection, email_id: int, email: EmailAddress) -> InvitedAddress:
    row = await connection.fetchrow(*_SQL["read_invited_address"](email_id=email_id, email=email.identity))
    assert row is not None
    return InvitedAddress(**row)
