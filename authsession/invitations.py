"""`authsession invitations list|add|delete`: invitations from a terminal, as the schema's owner (SPEC §20.4)."""

import argparse
import sys
from datetime import timedelta

from authsession.attribution import COMMAND_LINE, person
from authsession.confirmation import add_yes, is_confirmed
from authsession.database import connect
from authsession.event_loop import run_async
from authsession.spelling import typed
from authsession.tables import add_json, instant, print_json, print_table
from contracts.control_plane.invitations import DEFAULT_LIFE, MAX_LIFE, Invitation, encode_invitations, encode_invite
from services.internal_admin.invitations import store
from services.internal_admin.invitations.domain import AddressBlocked, InviteAddress, WithdrawInvitation, Withdrawn
from shared.kernel.clock import SystemClock
from shared.kernel.email_address import EmailAddress, parse_email
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_invitation_id, new_uuid
from shared.kernel.language import LANGUAGES

_PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `invitations`."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="print invitations, newest first, accepted and expired ones too")
    add_json(listing)
    inviting = actions.add_parser("add", help="invite an address, or renew its invitation")
    inviting.add_argument("email", type=_email, help="the address that may sign up while `sign_up` is `invited`")
    inviting.add_argument("--send", action="store_true", help="send a letter that tells of the invitation")
    inviting.add_argument("--language", choices=LANGUAGES, default="en", help="the language of the letter (default en)")
    inviting.add_argument(
        "--days",
        type=_days,
        default=DEFAULT_LIFE,
        help=f"days until it expires, 1 to {MAX_LIFE.days} (default {DEFAULT_LIFE.days})",
    )
    add_json(inviting)
    ending = actions.add_parser("delete", help="withdraw an invitation; a user who signed up by it stays")
    ending.add_argument("invitation_id", help="the id that `invitations list` prints")
    add_yes(ending)


def run(parsed: argparse.Namespace, dsn: str) -> int:
    """The exit status: 1 for a blocked address, an unknown invitation or a withdrawal not confirmed; else 0."""
    match parsed.action:
        case "list":
            return run_async(_list(dsn, as_json=parsed.json))
        case "add":
            return run_async(_add(dsn, parsed))
        case _:
            consequence = f"This withdraws {parsed.invitation_id}: no new user signs up by it any more"
            return run_async(_delete(dsn, parsed.invitation_id)) if is_confirmed(consequence, yes=parsed.yes) else 1


async def _list(dsn: str, *, as_json: bool) -> int:
    listed, after = list[Invitation](), None
    async with connect(dsn) as connection:
        while True:
            page = await store.list_invitations(connection, after, _PAGE)
            listed += page.items
            if not page.has_more:
                break
            after = page.items[-1].invitation_id
    if as_json:
        print_json(encode_invitations(listed, None))
    else:
        rows = [(each.invitation_id, each.email, each.status, instant(each.expires_at)) for each in listed]
        print_table(("INVITATION", "E-MAIL", "STATUS", "EXPIRES"), rows)
    return 0


async def _add(dsn: str, parsed: argparse.Namespace) -> int:
    clock, entropy = SystemClock(), SystemEntropy()
    ids = new_invitation_id(clock, entropy), new_uuid(clock, entropy)
    locale = parsed.language if parsed.send else None
    command = InviteAddress(*ids, parsed.email, parsed.days, locale, COMMAND_LINE, person())
    async with connect(dsn) as connection:
        outcome = await store.invite_address(connection, command)
    if isinstance(outcome, AddressBlocked):
        print("authsession: the e-mail or its domain is blocked: unblock it first", file=sys.stderr)
        return 1
    if parsed.json:
        print_json(
            encode_invite(outcome.name, outcome.invitation_id, outcome.expires_at, letter_queued=outcome.letter_queued)
        )
        return 0
    print(f"{outcome.name} until {instant(outcome.expires_at)} ({outcome.invitation_id})")
    if parsed.send:
        print("a letter is on its way" if outcome.letter_queued else "no letter: a user has the address, or one waits")
    return 0


async def _delete(dsn: str, invitation_id: str) -> int:
    async with connect(dsn) as connection:
        outcome = await store.withdraw_invitation(connection, WithdrawInvitation(invitation_id, COMMAND_LINE, person()))
    if isinstance(outcome, Withdrawn):
        print(f"{invitation_id} is withdrawn")
        return 0
    listing = typed("invitations list")
    print(f"authsession: there is no invitation {invitation_id}; `{listing}` prints them", file=sys.stderr)
    return 1


def _email(text: str) -> EmailAddress:
    try:
        return parse_email(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be an e-mail address") from None


def _days(text: str) -> timedelta:
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= MAX_LIFE.days):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_LIFE.days}")
    return timedelta(days=int(text))
