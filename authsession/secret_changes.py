"""`authsession secrets list|show|put|grant|withdraw|restore|delete|undelete|destroy`, without the API (SPEC §17.2)."""

import argparse
import getpass
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from authsession.attribution import COMMAND_LINE, person
from authsession.confirmation import add_yes, is_confirmed
from authsession.database import connect
from authsession.event_loop import run_async
from authsession.secret_keys import vault_of
from authsession.spelling import typed
from authsession.tables import add_json, instant, print_json, print_table
from contracts.control_plane.secrets import (
    MAX_VERSION,
    ListSecretsQuery,
    encode_secret,
    encode_secrets,
    require_grantee,
    require_secret_name,
    require_value,
)
from contracts.errors import ERRORS, ErrorCode, Refusal
from contracts.node.secrets import MAX_VALUE_BYTES
from services.internal_admin.secrets.domain.secret import (
    INSTALLATION,
    Changed,
    ChangeGrant,
    ChangeSecret,
    DestroyVersions,
    PutSecret,
    Refused,
    RestoreSecret,
    Secret,
    SecretScope,
    UnreadableSecret,
    WholeSecret,
    Written,
    grantee_of,
)
from services.internal_admin.secrets.store import changes, listing
from services.internal_admin.secrets.store.values import Vault, require_keys
from services.internal_admin.secrets.wire import grant_answer, secret_answer, version_answer
from shared.kernel.ids import new_secret_id

ACTIONS = ("list", "show", "put", "grant", "withdraw", "restore", "delete", "undelete", "destroy")

_PAGE = 1000


def add_arguments(actions: Any) -> None:
    """The command lines of these actions. `actions` are the subparsers of `secrets`."""
    shown = actions.add_parser("list", help="print secrets, newest first, without values")
    shown.add_argument("--name", type=_name, help="only secrets of this name")
    add_json(shown)
    one = _of_secret(actions, "show", "print a secret with its versions and grants, without values")
    add_json(one)
    _add_put(actions)
    for action, text in (("grant", "let a pool or an agent have a secret"), ("withdraw", "take a grant back")):
        _of_secret(actions, action, text).add_argument("grantee", help="the name of a pool, or the id of an agent")
    restored = _of_secret(actions, "restore", "make a new version of an earlier value")
    restored.add_argument("--version", type=_number, required=True, metavar="N", help="the version whose value it is")
    add_yes(_of_secret(actions, "delete", "delete a secret; it can be undeleted for seven days"))
    _of_secret(actions, "undelete", "bring a deleted secret back")
    destroyed = _of_secret(actions, "destroy", "erase versions of a secret for good")
    destroyed.add_argument(
        "--version", type=_number, required=True, action="append", metavar="N", dest="versions",
        help="a version to erase; give it again for more",
    )  # fmt: skip
    add_yes(destroyed)


def run(parsed: argparse.Namespace, dsn: str, given: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 if the change is refused or not confirmed, else 0."""
    try:
        return _run(parsed, dsn, given, folder)
    except Refusal as refusal:
        return _complain(_with_cure(refusal.code, refusal.message, parsed))
    except UnreadableSecret as unreadable:
        return _complain(str(unreadable))


def _run(parsed: argparse.Namespace, dsn: str, given: Mapping[str, str], folder: Path) -> int:
    if parsed.action == "list":
        return run_async(_list(dsn, parsed.name, as_json=parsed.json))
    if parsed.action == "show":
        return run_async(_show(dsn, parsed.secret_id, as_json=parsed.json))
    vault = vault_of(given, folder)
    if parsed.action == "put":
        return _put(parsed, dsn, vault)
    if not _is_agreed(parsed):
        return 1
    function, command = _change_of(parsed)
    return run_async(_change(dsn, function, vault, command, parsed))


def _with_cure(code: ErrorCode, message: str | None, parsed: argparse.Namespace) -> str:
    """The message, and the command that shows what to do about it."""
    told = message or ERRORS[code].message
    if parsed.action == "put":
        reading = f"`{typed(f'secrets list --name {parsed.name}')}` prints it"
    else:
        reading = f"`{typed(f'secrets show {parsed.secret_id}')}` prints its versions and grants"
    cures = {
        ErrorCode.POOL_NOT_FOUND: f"`{typed('nodes pools')}` prints the pools",
        ErrorCode.AGENT_NOT_FOUND: f"`{typed('agents list')}` prints the ids",
        ErrorCode.SECRET_NOT_FOUND: f"`{typed('secrets list')}` prints the ids",
        ErrorCode.GRANT_NOT_FOUND: reading,
        ErrorCode.VERSION_NOT_FOUND: reading,
        ErrorCode.VERSION_CONFLICT: reading,
        ErrorCode.SECRET_VERSION_GONE: "it is destroyed, or its secret is deleted; "
        f"`{typed('secrets undelete SECRET')}` brings a deleted one back",
        ErrorCode.SECRET_NOT_GRANTABLE: "it is of the usage system, or deleted",
        ErrorCode.SECRET_KEYS_MISSING: f"set AUTHSESSION_SECRET_KEYS; `{typed('keys new')}` makes a key",
    }
    cure = cures.get(code)
    return told if cure is None else f"{told}: {cure}"


def _put(parsed: argparse.Namespace, dsn: str, vault: Vault) -> int:
    require_keys(vault.keys)
    secret_id, scope = new_secret_id(vault.clock, vault.entropy), _scope(parsed.pool, parsed.agent)
    value, expected = require_value(_read_value()), parsed.expected_version
    command = PutSecret(secret_id, scope, parsed.name, value, parsed.usage, expected, COMMAND_LINE, person())
    return run_async(_change(dsn, changes.put_secret, vault, command, parsed))


def _scope(pool: str | None, agent_id: str | None) -> SecretScope:
    if pool is not None:
        return SecretScope("pool", pool)
    return INSTALLATION if agent_id is None else SecretScope("agent", agent_id)


def _change_of(parsed: argparse.Namespace) -> tuple[Callable[..., Any], object]:
    """The unit of work of an action, and its command."""
    secret_id, who = parsed.secret_id, (COMMAND_LINE, person())
    match parsed.action:
        case "grant" | "withdraw":
            function = changes.grant_secret if parsed.action == "grant" else changes.withdraw_secret
            return function, ChangeGrant(secret_id, grantee_of(require_grantee(parsed.grantee)), *who)
        case "restore":
            return changes.restore_secret, RestoreSecret(secret_id, parsed.version, None, *who)
        case "destroy":
            versions = tuple(sorted(set(parsed.versions)))
            return changes.destroy_versions, DestroyVersions(secret_id, versions, *who)
        case "delete":
            return changes.delete_secret, ChangeSecret(secret_id, *who)
        case _:
            return changes.undelete_secret, ChangeSecret(secret_id, *who)


def _is_agreed(parsed: argparse.Namespace) -> bool:
    match parsed.action:
        case "delete":
            return is_confirmed(f"This takes {parsed.secret_id} from all nodes", yes=parsed.yes)
        case "destroy":
            numbers = ", ".join(map(str, sorted(set(parsed.versions))))
            noun = "version" if numbers.isdecimal() else "versions"
            return is_confirmed(f"This erases {noun} {numbers} of {parsed.secret_id} for good", yes=parsed.yes)
        case _:
            return True


async def _change(
    dsn: str, function: Callable[..., Any], vault: Vault, command: object, parsed: argparse.Namespace
) -> int:
    async with connect(dsn) as connection:
        outcome: Written | Changed | Refused = await function(connection, vault, command)
    if isinstance(outcome, Refused):
        return _complain(_with_cure(outcome.code, outcome.message, parsed))
    if isinstance(outcome, Written):
        print(f"{outcome.version.secret_id} is {outcome.name}; version {outcome.version.version}")
    else:
        print(f"{outcome.secret_id}: {outcome.name.replace('_', ' ')}")
    return 0


async def _list(dsn: str, name: str | None, *, as_json: bool) -> int:
    listed, after = list[Secret](), None
    async with connect(dsn) as connection:
        while True:
            page = await listing.list_secrets(connection, ListSecretsQuery(_PAGE, after, name=name))
            listed += page.items
            if not page.has_more:
                break
            after = page.items[-1].secret_id
    if as_json:
        print_json(encode_secrets([secret_answer(each) for each in listed], None))
    else:
        heads = ("SECRET", "SCOPE", "NAME", "USAGE", "VERSION", "OPENED")
        print_table(heads, [_row(each) for each in listed])
    return 0


async def _show(dsn: str, secret_id: str, *, as_json: bool) -> int:
    async with connect(dsn) as connection:
        whole = await listing.read_secret(connection, secret_id)
    if whole is None:
        return _complain(f"there is no secret {secret_id}; `{typed('secrets list')}` prints them")
    if as_json:
        versions = [version_answer(each) for each in whole.versions]
        print_json(encode_secret(secret_answer(whole.secret), versions, [grant_answer(each) for each in whole.grants]))
    else:
        _print_whole(whole)
    return 0


def _print_whole(whole: WholeSecret) -> None:
    print_table(("SECRET", "SCOPE", "NAME", "USAGE", "VERSION", "OPENED"), [_row(whole.secret)])
    print()
    rows = [(str(each.version), each.state, each.created_by, instant(each.created_at)) for each in whole.versions]
    print_table(("VERSION", "STATE", "BY", "CREATED"), rows)
    print()
    grants = [(each.grantee.id, each.grantee.kind, each.granted_by, instant(each.granted_at)) for each in whole.grants]
    print_table(("GRANTED TO", "KIND", "BY", "GRANTED"), grants)


def _row(secret: Secret) -> tuple[str | None, ...]:
    scope = f"{secret.scope.kind} {secret.scope.id}".rstrip()
    version = "deleted" if secret.deleted_at is not None else str(secret.current_version or "-")
    return (secret.secret_id, scope, secret.name, secret.usage, version, instant(secret.last_opened_at))


def _read_value() -> bytes:
    """The value from standard input, without one line end at its end; from a terminal without echo."""
    if sys.stdin.isatty():
        return getpass.getpass("value: ", stream=sys.stderr).encode()
    return sys.stdin.buffer.read(MAX_VALUE_BYTES + 2).removesuffix(b"\n")


def _add_put(actions: Any) -> None:
    written = actions.add_parser("put", help="write a value, from standard input or asked for without echo")
    written.add_argument("name", type=_name, help="the name, such as MODEL_KEY")
    scope = written.add_mutually_exclusive_group()
    scope.add_argument("--pool", help="the pool that the secret belongs to (default: the installation)")
    scope.add_argument("--agent", help="the id of the agent that the secret belongs to")
    written.add_argument("--usage", choices=("grantable", "system"), help="counts when the secret is made")
    written.add_argument(
        "--expected-version", type=_number_or_zero, metavar="N", help="the last version; 0: the secret must not exist"
    )


def _of_secret(actions: Any, action: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(action, help=text)
    parser.add_argument("secret_id", help="the id that `secrets list` prints")
    return parser


def _name(text: str) -> str:
    try:
        return require_secret_name(text, "the name")
    except Refusal as refusal:
        raise argparse.ArgumentTypeError(refusal.message) from None


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or not 0 < int(text) <= MAX_VERSION:
        raise argparse.ArgumentTypeError("must be the number of a version")
    return int(text)


def _number_or_zero(text: str) -> int:
    return 0 if text == "0" else _number(text)


def _complain(problem: str) -> int:
    print(f"authsession: {problem}", file=sys.stderr)
    return 1
