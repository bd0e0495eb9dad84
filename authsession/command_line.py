"""The arguments of the command `authsession`. `docs/reference/cli.md` comes from this parser.

The modules of commands are imported when their arguments are wanted. All of them together take most of a second.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

AddArguments: TypeAlias = Callable[[argparse.ArgumentParser], None]


def command_line(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of every command. With the name of a command it knows that one alone, and reads it as the whole one
    does.
    """
    parser = argparse.ArgumentParser(prog="authsession", description="Passwordless login by e-mail code.")
    is_whole = only not in COMMANDS
    every = None if is_whole else f"{{{','.join(COMMANDS)}}}"
    commands = parser.add_subparsers(dest="command", required=True, metavar=every)
    for name, (told, add_arguments) in COMMANDS.items():
        if is_whole or name == only:
            add_arguments(commands.add_parser(name, help=told, description=f"{told[0].upper()}{told[1:]}."))
    return parser


def _none(_: argparse.ArgumentParser) -> None:
    """For a command without arguments."""


def _migrate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--login",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="let the role of the DSN in FILE log in with that DSN's password; give the option once for each service",
    )


def _redis_acl(parser: argparse.ArgumentParser) -> None:
    for user in ("public", "internal", "gateway"):
        parser.add_argument(
            f"--{user}",
            type=Path,
            required=True,
            metavar="FILE",
            help=f"the file with the password of user {user}, 16 bytes or more",
        )
    parser.add_argument(
        "--admin",
        type=Path,
        metavar="FILE",
        help="the file with the password of a user `admin`, who may do everything, 16 bytes or more",
    )
    parser.add_argument(
        "--node-users",
        action="store_true",
        help="let the user `internal` make users of nodes (AUTHSESSION_NODE_REDIS_USERS=on), "
        "which makes it an administrator of Redis",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="replace FILE instead of printing")


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "process",
        nargs="?",
        choices=("public", "internal"),
        help="the process that this environment belongs to; without it, both processes share the environment",
    )


def _settings(parser: argparse.ArgumentParser) -> None:
    from authsession import settings

    actions = parser.add_subparsers(dest="action", required=True)
    reading = actions.add_parser("get", help="print all settings, or one")
    reading.add_argument("name", nargs="?", help="the setting to print; without it, all of them")
    settings.add_set_arguments(actions.add_parser("set", help="change one setting, in every process at once"))
    history = actions.add_parser("history", help="print the changes with their time and author, newest first")
    history.add_argument(
        "-n", dest="number", type=int, default=50, metavar="N", help="print at most N changes (default 50)"
    )


def _projection(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("verify", help="list records that differ from Postgres; exit 1 if there are any")
    actions.add_parser("rebuild", help="write all records again")


def _operator(parser: argparse.ArgumentParser) -> None:
    from authsession.operator import add_operator_parser

    add_operator_parser(parser)


def _gateway_configs(parser: argparse.ArgumentParser) -> None:
    from authsession import publication_arguments

    publication_arguments.add_arguments(parser, publication_arguments.GATEWAY_CONFIGS)


def _agents(parser: argparse.ArgumentParser) -> None:
    from authsession import publication_arguments

    publication_arguments.add_arguments(parser, publication_arguments.AGENTS)


def _token(parser: argparse.ArgumentParser) -> None:
    from authsession import token

    token.add_arguments(parser)


def _invitations(parser: argparse.ArgumentParser) -> None:
    from authsession import invitations

    invitations.add_arguments(parser)


def _nodes(parser: argparse.ArgumentParser) -> None:
    from authsession import nodes

    nodes.add_arguments(parser)


def _join_token(parser: argparse.ArgumentParser) -> None:
    from authsession import join_token

    join_token.add_arguments(parser)


def _audit(parser: argparse.ArgumentParser) -> None:
    from authsession import audit

    audit.add_arguments(parser)


def _keys(parser: argparse.ArgumentParser) -> None:
    from authsession import keys

    keys.add_arguments(parser)


def _connections(parser: argparse.ArgumentParser) -> None:
    from authsession import connections

    connections.add_arguments(parser)


def _secrets(parser: argparse.ArgumentParser) -> None:
    from authsession import secrets

    secrets.add_arguments(parser)


def _config(parser: argparse.ArgumentParser) -> None:
    from authsession import config

    config.add_arguments(parser)


COMMANDS: Mapping[str, tuple[str, AddArguments]] = {
    "up": ("run Postgres, Redis and both services on this machine", _none),
    "migrate": ("migrate the database of AUTHSESSION_POSTGRES_DSN to this program's schema version", _migrate),
    "redis-acl": ("print the ACL file for your own Redis", _redis_acl),
    "doctor": ("check the configuration and the servers; print each problem with its cure", _doctor),
    "settings": ("read and change the system settings", _settings),
    "operator": ("create the first owner; list, disable, enable and reset operators", _operator),
    "projection": ("compare or rebuild the projection: the gateways' copy of the sessions in Redis", _projection),
    "token": ("create, list and revoke API tokens for the internal listener", _token),
    "invitations": ("invite addresses to sign up; list and withdraw invitations", _invitations),
    "nodes": ("list, show, approve and revoke nodes; list their pools", _nodes),
    "join-token": ("create, list and revoke the tokens with which nodes join", _join_token),
    "audit": ("read and export the audit trail; verify that nobody changed it", _audit),
    "keys": ("make a key; show which keys are still needed", _keys),
    "connections": ("list and show connections and their kinds", _connections),
    "secrets": ("write, grant and end secrets; rotate their key", _secrets),
    "gateway-configs": ("edit, publish and activate the configurations of gateways", _gateway_configs),
    "agents": ("edit, publish and activate agents", _agents),
    "config": ("show, bundle or renumber the signed configuration of pools", _config),
    "version": ("print the version of the program and of its schema", _none),
}
"""Each command, with its help, in the order of the reference."""
