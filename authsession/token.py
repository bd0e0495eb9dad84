"""`authsession token create|list|revoke`: API tokens from a terminal, as the schema's owner (SPEC §10.7)."""

import argparse
import sys
from datetime import datetime, timedelta
from typing import assert_never

from authsession.attribution import COMMAND_LINE, person
from authsession.confirmation import add_yes, is_confirmed
from authsession.database import connect
from authsession.event_loop import run_async
from authsession.spelling import typed
from contracts.control_plane.tokens import DEFAULT_LIFE, MAX_LIFE, MAX_NAME_LENGTH, ApiToken
from services.internal_admin.callers.identity import Scope
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.tokens import store as tokens_store
from services.internal_admin.tokens.domain import MARK, Created, CreateToken, RevokeToken
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import InvariantBroken
from shared.kernel.ids import new_token_id

_REASON_CODE = "command_line_revoke"
_PAGE = 1000
_SCOPES = ", ".join(scope.value for scope in Scope)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `token`."""
    actions = parser.add_subparsers(dest="action", required=True)
    creation = actions.add_parser("create", help="create a token and print its secret, which is never shown again")
    creation.add_argument("--name", type=_name, required=True, help="the name that lists show")
    creation.add_argument(
        "--scope", type=_scope, action="append", required=True, help=f"one of {_SCOPES}; may be given several times"
    )
    creation.add_argument(
        "--days",
        type=_days,
        default=DEFAULT_LIFE,
        help=f"days until it expires, 1 to {MAX_LIFE.days} (default {DEFAULT_LIFE.days})",
    )
    actions.add_parser("list", help="print all tokens, newest first, without their secrets")
    ending = actions.add_parser("revoke", help="revoke a token at once: calls with it are refused from then on")
    ending.add_argument("token_id", help="the id that `token list` prints, not the secret")
    add_yes(ending)


def run(parsed: argparse.Namespace, dsn: str) -> int:
    """The exit status: 1 if there is no such token, or if the user does not confirm a revocation; else 0."""
    match parsed.action:
        case "create":
            return run_async(_create(dsn, parsed.name, frozenset(parsed.scope), parsed.days))
        case "list":
            return run_async(_list(dsn))
        case _:
            consequence = f"This revokes the token {parsed.token_id} at once: calls with it are refused from then on"
            return run_async(_revoke(dsn, parsed.token_id)) if is_confirmed(consequence, yes=parsed.yes) else 1


async def _create(dsn: str, name: str, scopes: frozenset[Scope], life: timedelta) -> int:
    """Prints only the secret to standard output, for `$(…)`; the rest goes to standard error."""
    entropy = SystemEntropy()
    secret, token_id = new_secret(entropy, MARK), new_token_id(SystemClock(), entropy)
    command = CreateToken(name, scopes, life, None, COMMAND_LINE, person())
    async with connect(dsn) as connection:
        outcome = await tokens_store.create_token(connection, command, token_id, secret)
    if not isinstance(outcome, Created):
        raise InvariantBroken("the command line has no session that could end")
    print(f"created {token_id}, which expires at {_instant(outcome.token.expires_at)}", file=sys.stderr)
    print(secret.text)
    return 0


async def _list(dsn: str) -> int:
    after: str | None = None
    async with connect(dsn) as connection:
        while True:
            page = await tokens_store.list_tokens(connection, after, _PAGE)
            for token in page.items:
                print(_line(token))
            if not page.has_more:
                return 0
            after = page.items[-1].token_id


async def _revoke(dsn: str, token_id: str) -> int:
    command = RevokeToken(token_id, _REASON_CODE, COMMAND_LINE, person())
    async with connect(dsn) as connection:
        outcome = await tokens_store.revoke_token(connection, command)
    match outcome:
        case "revoked":
            print(f"{token_id} is revoked")
        case "already_revoked":
            print(f"{token_id} was already revoked")
        case "token_not_found":
            print(f"authsession: there is no token {token_id}; `{typed('token list')}` prints them", file=sys.stderr)
            return 1
        case _:
            assert_never(outcome)
    return 0


def _line(token: ApiToken) -> str:
    used = "never used" if token.last_used_at is None else f"used {_instant(token.last_used_at)}"
    scopes, until = ",".join(token.scopes), _instant(token.expires_at)
    return f"{token.token_id} {token.status} until {until} {used} {token.prefix}… {scopes} {token.name}"


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be one of {_SCOPES}") from None


def _name(text: str) -> str:
    if not (1 <= len(text.strip()) <= MAX_NAME_LENGTH and text.isprintable()):
        raise argparse.ArgumentTypeError(f"must be 1 to {MAX_NAME_LENGTH} printable characters")
    return text.strip()


def _days(text: str) -> timedelta:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MAX_LIFE.days):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_LIFE.days}")
    return timedelta(days=int(text))
