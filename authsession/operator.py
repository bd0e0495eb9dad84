"""`authsession operator …`: makes the first owner's setup code; lists, disables, enables and resets operators."""

import argparse
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import assert_never

import asyncpg

from authsession.attribution import COMMAND_LINE, person
from authsession.confirmation import add_yes, is_confirmed
from authsession.database import connect
from authsession.spelling import typed
from services.internal_admin.operators.domain.administration import (
    AlreadyDisabled,
    AlreadyEnabled,
    ListedOperator,
    OperatorDisabled,
    OperatorEnabled,
    OperatorNotFound,
    OperatorReset,
)
from services.internal_admin.operators.domain.argon2id import COST, hash_text
from services.internal_admin.operators.domain.owner_setup import SETUP_CODE_LIFE, OwnerExists, new_setup_code
from services.internal_admin.operators.domain.recovery_code import new_recovery_codes, shown_recovery_code
from services.internal_admin.operators.store import administration, setup
from shared.kernel.entropy import SystemEntropy

_CONSEQUENCES: Mapping[str, str] = {
    "disable": "This ends every session and token of {} at once and refuses new logins",
    "reset": "This replaces the password of {} by one recovery code and ends every session and token",
}
"""The consequence that the user confirms before a destructive action, by its name."""


def add_operator_parser(parser: argparse.ArgumentParser) -> None:
    """The command line of `operator`."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("setup-code", help="print a code that registers the first owner, once, within 15 minutes")
    actions.add_parser("list", help="print every operator: id, name, role, state")
    for action, what in (
        ("disable", "refuse an operator's logins, and end all sessions and tokens at once"),
        ("enable", "let a disabled operator log in again"),
        ("reset", "print one recovery code that replaces the password and codes; end all sessions and tokens"),
    ):
        parser_of_action = actions.add_parser(action, help=what)
        parser_of_action.add_argument("name", metavar="NAME", help="user name or operator id")
        if action in _CONSEQUENCES:
            add_yes(parser_of_action)


async def run_operator(dsn: str, parsed: argparse.Namespace) -> int:
    """The exit status: 1 for an unknown name, for a second owner, or without confirmation; else 0."""
    consequence = _CONSEQUENCES.get(parsed.action)
    if consequence is not None and not is_confirmed(consequence.format(parsed.name), yes=parsed.yes):
        return 1
    async with connect(dsn) as connection:
        return await _ACTIONS[parsed.action](connection, getattr(parsed, "name", ""))


async def _setup_code(connection: asyncpg.Connection, _: str) -> int:
    code = new_setup_code(SystemEntropy())
    issued = await setup.issue_setup_code(connection, code, COMMAND_LINE, person())
    if isinstance(issued, OwnerExists):
        return _complain(f"there is already an owner; `{typed('operator reset NAME')}` lets that owner log in again")
    print(code.text)
    minutes = SETUP_CODE_LIFE.total_seconds() / 60
    print(f"this code works once, within {minutes:.0f} minutes; earlier codes no longer work", file=sys.stderr)
    return 0


async def _list(connection: asyncpg.Connection, _: str) -> int:
    for operator in await administration.list_operators(connection):
        print(_line(operator))
    return 0


def _line(operator: ListedOperator) -> str:
    role = "owner" if operator.is_owner else "operator"
    until = f" until {operator.locked_until:%Y-%m-%dT%H:%M:%SZ}" if operator.state == "locked" else ""
    return f"{operator.operator_id} {operator.user_name} {role} {operator.state}{until}"


async def _disable(connection: asyncpg.Connection, name: str) -> int:
    outcome = await administration.disable_operator(connection, name, COMMAND_LINE, person())
    match outcome:
        case OperatorDisabled():
            print(f"{outcome.user_name} is disabled; {_ended(outcome)}")
            return 0
        case AlreadyDisabled():
            print(f"{outcome.user_name} was already disabled")
            return 0
        case OperatorNotFound():
            return _nobody()
        case _:
            assert_never(outcome)


async def _enable(connection: asyncpg.Connection, name: str) -> int:
    outcome = await administration.enable_operator(connection, name, COMMAND_LINE, person())
    match outcome:
        case OperatorEnabled():
            print(f"{outcome.user_name} may log in again")
            return 0
        case AlreadyEnabled():
            print(f"{outcome.user_name} was not disabled")
            return 0
        case OperatorNotFound():
            return _nobody()
        case _:
            assert_never(outcome)


async def _reset(connection: asyncpg.Connection, name: str) -> int:
    entropy = SystemEntropy()
    (code,) = new_recovery_codes(entropy, 1)
    hashed, code_hash = hash_text(entropy.token_bytes(32).hex(), COST, entropy), hash_text(code, COST, entropy)
    outcome = await administration.reset_operator(connection, name, hashed, code_hash, COMMAND_LINE, person())
    if isinstance(outcome, OperatorNotFound):
        return _nobody()
    print(shown_recovery_code(code))
    print(f"recovery code of {outcome.user_name}, for POST auth/password/recover; {_ended(outcome)}", file=sys.stderr)
    if outcome.is_disabled:
        cure = typed(f"operator enable {outcome.user_name}")
        print(f"{outcome.user_name} is disabled: the code works only after `{cure}`", file=sys.stderr)
    return 0


def _ended(outcome: OperatorDisabled | OperatorReset) -> str:
    return f"sessions ended: {outcome.session_count}, tokens ended: {outcome.token_count}"


def _nobody() -> int:
    return _complain(f"there is no operator of that name or id; `{typed('operator list')}` prints them")


def _complain(sentence: str) -> int:
    print(f"authsession: {sentence}", file=sys.stderr)
    return 1


_ACTIONS: Mapping[str, Callable[[asyncpg.Connection, str], Awaitable[int]]] = {
    "setup-code": _setup_code,
    "list": _list,
    "disable": _disable,
    "enable": _enable,
    "reset": _reset,
}
