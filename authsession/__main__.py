"""The command `authsession`: reads the arguments, runs one command, and prints each fault as one sentence."""

from authsession import interrupts  # first

# isort: split

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from authsession import audit, doctor, keys, projection, redis_acl, settings, token
from authsession.database import FAULTS, connect, owner_dsn, reason
from authsession.embedded.child import StartFailure
from authsession.event_loop import run_async
from authsession.operator import add_operator_parser, run_operator
from authsession.roles import set_login
from authsession.spelling import typed
from shared.config import variables
from shared.config.settings import EXIT_STATUS, Reading
from shared.db.migrate import GrantsRefused, MigrationRefused, expected_version, migrate
from shared.kernel.faults import ConfigurationError


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0; 1 if something failed; 2 for a wrong command line; 78 for a wrong configuration; 130 after
    Ctrl-C."""
    try:
        parsed = _parser().parse_args(arguments)
        return COMMANDS[parsed.command](parsed, Path.cwd())
    except ConfigurationError as error:
        return _complain(EXIT_STATUS, *error.problems)
    except (StartFailure, MigrationRefused, GrantsRefused, settings.InvalidSetting) as failure:
        return _complain(1, str(failure))
    except FAULTS as fault:
        return _complain(1, f"{reason(fault)}; `{typed('doctor')}` says what is wrong with the servers")
    except KeyboardInterrupt:
        return 130


def _up(_: argparse.Namespace, folder: Path) -> int:
    """Imports `up` only now: it needs packages that an installation with its own servers does not have."""
    interrupts.end_at_once()  # until `up` sets its own handlers
    try:
        from authsession.up import up  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise StartFailure(
            f"`up` needs the package {missing.name}: install this package with its extra `embedded`"
        ) from None
    return up(folder)


def _migrate(parsed: argparse.Namespace, folder: Path) -> int:
    return run_async(_apply_migrations(owner_dsn(os.environ, folder), [_dsn_in(path) for path in parsed.login]))


async def _apply_migrations(dsn: str, logins: list[str]) -> int:
    async with connect(dsn) as connection:
        applied = await migrate(connection)
        print("\n".join(f"Applied {name}" for name in applied) or f"Nothing to do: schema version {expected_version()}")
        for login in logins:
            print(f"{await set_login(connection, login)} logs in with its DSN")
    return 0


def _dsn_in(path: Path) -> str:
    """The DSN in the file, read as a service reads AUTHSESSION_POSTGRES_DSN_FILE. Raises `ConfigurationError`."""
    reading = Reading({f"{variables.POSTGRES_DSN.name}_FILE": str(path)})
    dsn = reading.required(variables.POSTGRES_DSN)
    reading.finish()
    return dsn


def _redis_acl(parsed: argparse.Namespace, _: Path) -> int:
    passwords = {"public": parsed.public, "internal": parsed.internal, "gateway": parsed.gateway, "admin": parsed.admin}
    return redis_acl.write_acl(os.environ, passwords, parsed.output)


def _settings(parsed: argparse.Namespace, folder: Path) -> int:
    dsn = owner_dsn(os.environ, folder)
    if parsed.action == "set":
        return run_async(settings.set_setting(dsn, parsed.name, parsed.value, yes=parsed.yes))
    if parsed.action == "history":
        return run_async(settings.print_history(dsn, parsed.number))
    return run_async(settings.print_settings(dsn, parsed.name))


def _print_version(_: argparse.Namespace, _folder: Path) -> int:
    print(f"authsession {_version()}, schema version {expected_version()}")
    return 0


def _version() -> str:
    try:
        return version("authsession")
    except PackageNotFoundError:
        return "(not installed: run from its source)"


def _complain(status: int, *sentences: str) -> int:
    for sentence in sentences:
        print(f"authsession: {sentence}", file=sys.stderr)
    return status


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Path], int]] = {
    "up": _up,
    "migrate": _migrate,
    "redis-acl": _redis_acl,
    "audit": lambda parsed, folder: audit.run(parsed, os.environ, folder),
    "keys": lambda parsed, folder: keys.run(parsed, os.environ, folder),
    "doctor": lambda parsed, folder: doctor.doctor(os.environ, folder, parsed.process),
    "settings": _settings,
    "operator": lambda parsed, folder: run_async(run_operator(owner_dsn(os.environ, folder), parsed)),
    "projection": lambda parsed, folder: projection.run(parsed.action, os.environ, folder),
    "token": lambda parsed, folder: token.run(parsed, owner_dsn(os.environ, folder)),
    "version": _print_version,
}


def _parser() -> argparse.ArgumentParser:
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
            f"--{user}", type=Path, required=True, metavar="FILE", help=f"the file with the password of user {user}"
        )
    acl.add_argument(
        "--admin", type=Path, metavar="FILE", help="the file with the password of a user `admin`, who may do everything"
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
    actions.add_parser("get", help="print all settings, or one").add_argument("name", nargs="?")
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
    audit.add_arguments(
        commands.add_parser("audit", help="read and export the audit trail; verify that nobody changed it")
    )
    keys.add_arguments(commands.add_parser("keys", help="make a key; show which keys are still needed"))
    commands.add_parser("version", help="print the version of the program and of its schema")
    return parser


interrupts.raise_again()

if __name__ == "__main__":
    sys.exit(main())
