"""`authsession join-token create|list|revoke`: join tokens from a terminal, as the schema's owner (SPEC §16.1)."""

import argparse
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from authsession.attribution import COMMAND_LINE, person
from authsession.confirmation import add_yes, is_confirmed
from authsession.database import connect, owner_dsn
from authsession.event_loop import run_async
from authsession.installation import Installation
from authsession.spelling import typed
from authsession.tables import add_json, instant, print_json, print_table
from contracts.control_plane.nodes import (
    DEFAULT_LIFE,
    MAX_LIFE,
    MAX_USES,
    MIN_LIFE,
    JoinToken,
    PageQuery,
    encode_join_tokens,
)
from contracts.node.join import join_string
from contracts.node.names import is_name
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.nodes.domain import ChangeOf, CreateJoinToken, Refused
from services.internal_admin.nodes.store import tokens
from shared.config import variables
from shared.config.settings import Reading
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import ConfigurationError
from shared.kernel.ids import new_join_token_id

_PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `join-token`."""
    actions = parser.add_subparsers(dest="action", required=True)
    creation = actions.add_parser("create", help="create a join token and print its join string, once")
    creation.add_argument("--pool", type=name, required=True, help="the pool that nodes join; a new one is created")
    creation.add_argument("--name", type=name, help="the name of the one node that may join with it")
    creation.add_argument(
        "--uses", type=_uses, default=1, help=f"the number of nodes that may join with it, 1 to {MAX_USES} (default 1)"
    )
    creation.add_argument(
        "--minutes",
        type=_minutes,
        default=DEFAULT_LIFE,
        help=f"minutes until it expires, {_whole(MIN_LIFE)} to {_whole(MAX_LIFE)} (default {_whole(DEFAULT_LIFE)})",
    )
    listing = actions.add_parser("list", help="print join tokens, newest first, without their secrets")
    add_json(listing)
    ending = actions.add_parser("revoke", help="revoke a join token; nodes that joined with it stay")
    ending.add_argument("join_token_id", help="the id that `join-token list` prints, not the join string")
    add_yes(ending)


def run(parsed: argparse.Namespace, environment: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 for an unknown token, a limit, or a revocation that is not confirmed; else 0."""
    dsn = owner_dsn(environment, folder)
    match parsed.action:
        case "create":
            if parsed.name is not None and parsed.uses != 1:
                print("authsession: a token for one name has one use: leave out --uses", file=sys.stderr)
                return 2
            return run_async(_create(dsn, parsed, _newest_key(environment, folder)))
        case "list":
            return run_async(_list(dsn, as_json=parsed.json))
        case _:
            consequence = f"This revokes the join token {parsed.join_token_id}: nobody joins with it any more"
            return run_async(_revoke(dsn, parsed.join_token_id)) if is_confirmed(consequence, yes=parsed.yes) else 1


async def _create(dsn: str, parsed: argparse.Namespace, newest_key: bytes) -> int:
    """Prints only the join string to standard output, for `$(…)`; the rest goes to standard error."""
    entropy = SystemEntropy()
    secret, join_token_id = new_secret(entropy), new_join_token_id(SystemClock(), entropy)
    command = CreateJoinToken(
        join_token_id, secret.hash, parsed.pool, parsed.name, parsed.uses, parsed.minutes, COMMAND_LINE, person()
    )
    async with connect(dsn) as connection:
        made = await tokens.create_join_token(connection, command)
    if isinstance(made, Refused):
        print(f"authsession: {made.message or made.name}", file=sys.stderr)
        return 1
    print(f"created {join_token_id}, which expires at {instant(made.token.expires_at)}", file=sys.stderr)
    print(join_string(join_token_id, secret.text, newest_key))
    return 0


async def _list(dsn: str, *, as_json: bool) -> int:
    listed, after = list[JoinToken](), None
    async with connect(dsn) as connection:
        while True:
            page = await tokens.list_join_tokens(connection, PageQuery(_PAGE, after))
            listed += page.items
            if not page.has_more:
                break
            after = page.items[-1].join_token_id
    if as_json:
        print_json(encode_join_tokens(listed, None))
    else:
        rows = [_row(each) for each in listed]
        print_table(("JOIN TOKEN", "POOL", "NAME", "STATUS", "USES LEFT", "EXPIRES"), rows)
    return 0


def _row(token: JoinToken) -> tuple[str | None, ...]:
    uses, until = f"{token.uses_left}/{token.uses}", instant(token.expires_at)
    return (token.join_token_id, token.pool, token.node_name, token.status, uses, until)


async def _revoke(dsn: str, join_token_id: str) -> int:
    async with connect(dsn) as connection:
        outcome = await tokens.revoke_join_token(connection, ChangeOf(join_token_id, COMMAND_LINE, person()))
    if outcome is None:
        listing = typed("join-token list")
        print(f"authsession: there is no join token {join_token_id}; `{listing}` prints them", file=sys.stderr)
        return 1
    print(f"{join_token_id} {'is revoked' if outcome == 'revoked' else 'was already revoked'}")
    return 0


def _newest_key(environment: Mapping[str, str], folder: Path) -> bytes:
    """The newest public key of `AUTHSESSION_CONFIG_KEYS`, of this environment or of the installation of `up`.

    Raises `ConfigurationError` without one: a node could not check whom it joins.
    """
    running = Installation(folder).running()
    reading = Reading((running.internal_environment if running else {}) | dict(environment))
    ring = reading.optional(variables.CONFIG_KEYS)
    reading.finish()
    keys = () if ring is None else ring.public_keys()
    if not keys:
        cure = f"set it as the internal process has it; `{typed('keys new')}` makes a key"
        raise ConfigurationError([f"{variables.CONFIG_KEYS.name} is not set: {cure}"])
    return keys[0].public_key


def name(text: str) -> str:
    """The name of a pool or a node, as an argument."""
    if not is_name(text):
        raise argparse.ArgumentTypeError("must be 1 to 63 of a-z, 0-9 and -, without - at its ends")
    return text


def _uses(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MAX_USES):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_USES}")
    return int(text)


def _minutes(text: str) -> timedelta:
    is_number = text.isascii() and text.isdecimal() and len(text) < 9
    if not is_number or not MIN_LIFE <= timedelta(minutes=int(text)) <= MAX_LIFE:
        raise argparse.ArgumentTypeError(f"must be a whole number from {_whole(MIN_LIFE)} to {_whole(MAX_LIFE)}")
    return timedelta(minutes=int(text))


def _whole(life: timedelta) -> int:
    return life // timedelta(minutes=1)
