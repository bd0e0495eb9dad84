"""The arguments of the command `authsession`. `docs/reference/cli.md` comes from this parser."""

import argparse
from pathlib import Path

from authsession import (
    audit,
    config,
    connections,
    invitations,
    join_token,
    keys,
    nodes,
    publication_arguments,
    secrets,
    settings,
    token,
)
from authsession.operator import add_operator_parser


def command_line() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(prog="authsession", description="Passwordless login by e-mail code.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="run Postgres, Redis and both services on this machine")
    migration = commands.add_parser(
        "migrate", help="migrate the database of AUTHSESSION_POSTGRES_DSN to this program's schema version"
    )
    migration.add_argument(
        "--login",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="let the role of the DSN in FILE log in with that DSN's password; give the option once for each service",
    )
    acl = commands.add_parser("redis-acl", help="print the ACL file for your own Redis")
    for user in ("public", "internal", "gateway"):
        acl.add_argument(
            f"--{user}",
            type=Path,
            required=True,
            metavar="FILE",
            help=f"the file with the password of user {user}, 16 bytes or more",
        )
    acl.add_argument(
        "--admin",
        type=Path,
        metavar="FILE",
        help="the file with the password of a user `admin`, who may do everything, 16 bytes or more",
    )
    acl.add_argument(
        "--node-users",
        action="store_true",
        help="let the user `internal` make users of nodes (AUTHSESSION_NODE_REDIS_USERS=on), "
        "which makes it an administrator of Redis",
    )
    acl.add_argument("--output", type=Path, metavar="FILE", help="replace FILE instead of printing")
    examination = commands.add_parser(
        "doctor", help="check the configuration and the servers; print each problem with its cure"
    )
    examination.add_argument(
        "process",
        nargs="?",
        choices=("public", "internal"),
        help="the process that this environment belongs to; without it, both processes share the environment",
    )
    actions = commands.add_parser("settings", help="read and change the system settings").add_subparsers(
        dest="action", required=True
    )
    reading = actions.add_parser("get", help="print all settings, or one")
    reading.add_argument("name", nargs="?", help="the setting to print; without it, all of them")
    settings.add_set_arguments(actions.add_parser("set", help="change one setting, in every process at once"))
    history = actions.add_parser("history", help="print the changes with their time and author, newest first")
    history.add_argument(
        "-n", dest="number", type=int, default=50, metavar="N", help="print at most N changes (default 50)"
    )
    add_operator_parser(
        commands.add_parser("operator", help="create the first owner; list, disable, enable and reset operators")
    )
    actions = commands.add_parser(
        "projection", help="compare or rebuild the projection: the gateways' copy of the sessions in Redis"
    ).add_subparsers(dest="action", required=True)
    actions.add_parser("verify", help="list records that differ from Postgres; exit 1 if there are any")
    actions.add_parser("rebuild", help="write all records again")
    token.add_arguments(
        commands.add_parser("token", help="create, list and revoke API tokens for the internal listener")
    )
    invitations.add_arguments(
        commands.add_parser("invitations", help="invite addresses to sign up; list and withdraw invitations")
    )
    nodes.add_arguments(commands.add_parser("nodes", help="list, show, approve and revoke nodes; list their pools"))
    join_token.add_arguments(
        commands.add_parser("join-token", help="create, list and revoke the tokens with which nodes join")
    )
    audit.add_arguments(
        commands.add_parser("audit", help="read and export the audit trail; verify that nobody changed it")
    )
    keys.add_arguments(commands.add_parser("keys", help="make a key; show which keys are still needed"))
    connections.add_arguments(commands.add_parser("connections", help="list and show connections and their kinds"))
    secrets.add_arguments(commands.add_parser("secrets", help="write, grant and end secrets; rotate their key"))
    publication_arguments.add_arguments(
        commands.add_parser("gateway-configs", help="edit, publish and activate the configurations of gateways"),
        publication_arguments.GATEWAY_CONFIGS,
    )
    publication_arguments.add_arguments(
        commands.add_parser("agents", help="edit, publish and activate agents"), publication_arguments.AGENTS
    )
    config.add_arguments(
        commands.add_parser("config", help="show, bundle or renumber the signed configuration of pools")
    )
    commands.add_parser("version", help="print the version of the program and of its schema")
    return parser
