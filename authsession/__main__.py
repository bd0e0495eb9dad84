"""The command `authsession`: reads the arguments, runs one command, and prints each fault as one sentence.

The module of a command is imported when it runs.
"""

from authsession import interrupts  # first

# isort: split

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from authsession.command_line import command_line
from authsession.database import FAULTS, connect, owner_dsn, reason
from authsession.embedded.child import StartFailure
from authsession.event_loop import run_async
from authsession.roles import set_login
from authsession.spelling import typed
from services.internal_admin.system_settings.domain.settings import InvalidSetting
from shared.config import variables
from shared.config.settings import EXIT_STATUS, Reading
from shared.db.migrate import GrantsRefused, MigrationRefused, expected_version, migrate
from shared.kernel.faults import ConfigurationError


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0; 1 if something failed; 2 for a wrong command line; 78 for a wrong configuration; 130 after
    Ctrl-C."""
    try:
        words = sys.argv[1:] if arguments is None else arguments
        parsed = command_line(words[0] if words else None).parse_args(words)
        return _done(COMMANDS[parsed.command](parsed, Path.cwd()))
    except ConfigurationError as error:
        return _complain(EXIT_STATUS, *error.problems)
    except (StartFailure, MigrationRefused, GrantsRefused, InvalidSetting) as failure:
        return _complain(1, str(failure))
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at its end
        return 1
    except FAULTS as fault:
        return _complain(1, f"{reason(fault)}; `{typed('doctor')}` says what is wrong with the servers")
    except KeyboardInterrupt:
        return 130


def _done(status: int) -> int:
    """The status, once the reader of the output has it."""
    sys.stdout.flush()
    return status


def _up(_: argparse.Namespace, folder: Path) -> int:
    """`up` needs packages that an installation with its own servers does not have."""
    interrupts.end_at_once()  # until `up` sets its own handlers
    try:
        from authsession.up import up
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
    from authsession import redis_acl

    passwords = {"public": parsed.public, "internal": parsed.internal, "gateway": parsed.gateway, "admin": parsed.admin}
    return redis_acl.write_acl(os.environ, passwords, parsed.output, node_users=parsed.node_users)


def _settings(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import settings

    dsn = owner_dsn(os.environ, folder)
    if parsed.action == "set":
        return run_async(settings.set_setting(dsn, parsed.name, parsed.value, yes=parsed.yes))
    if parsed.action == "history":
        return run_async(settings.print_history(dsn, parsed.number))
    return run_async(settings.print_settings(dsn, parsed.name))


def _audit(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import audit

    return audit.run(parsed, os.environ, folder)


def _keys(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import keys

    return keys.run(parsed, os.environ, folder)


def _doctor(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import doctor

    return doctor.doctor(os.environ, folder, parsed.process)


def _projection(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import projection

    return projection.run(parsed.action, os.environ, folder)


def _connections(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import connections

    return connections.run(parsed, owner_dsn(os.environ, folder))


def _invitations(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import invitations

    return invitations.run(parsed, owner_dsn(os.environ, folder))


def _nodes(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import nodes

    return nodes.run(parsed, owner_dsn(os.environ, folder))


def _join_token(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import join_token

    return join_token.run(parsed, os.environ, folder)


def _token(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import token

    return token.run(parsed, owner_dsn(os.environ, folder))


def _secrets(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import secrets

    return secrets.run(parsed, os.environ, folder)


def _publication(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import publication

    return publication.run(parsed, os.environ, folder)


def _config(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession import config

    return config.run(parsed, os.environ, folder)


def _operator(parsed: argparse.Namespace, folder: Path) -> int:
    from authsession.operator import run_operator

    return run_async(run_operator(owner_dsn(os.environ, folder), parsed))


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
    "audit": _audit,
    "keys": _keys,
    "doctor": _doctor,
    "settings": _settings,
    "operator": _operator,
    "projection": _projection,
    "connections": _connections,
    "invitations": _invitations,
    "nodes": _nodes,
    "join-token": _join_token,
    "token": _token,
    "secrets": _secrets,
    "gateway-configs": _publication,
    "agents": _publication,
    "config": _config,
    "version": _print_version,
}


interrupts.raise_again()

if __name__ == "__main__":
    sys.exit(main())
