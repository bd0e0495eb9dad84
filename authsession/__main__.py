"""The command `authsession`: reads the arguments, calls one command, turns faults into one sentence each."""

import argparse
import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path

from authsession import doctor, projection, settings
from authsession.database import connect, owner_dsn
from authsession.embedded.child import StartFailure
from authsession.up import EXIT_CONFIGURATION, up
from shared.db.migrate import GrantsRefused, MigrationRefused, expected_version, migrate
from shared.kernel.faults import ConfigurationError


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, 1 for what went wrong, 2 for a wrong command line, 78 for a wrong configuration."""
    parsed = _parser().parse_args(arguments)
    try:
        return _command(parsed)
    except ConfigurationError as error:
        return _complain(EXIT_CONFIGURATION, *error.problems)
    except (StartFailure, MigrationRefused, GrantsRefused, settings.InvalidSetting) as failure:
        return _complain(1, str(failure))
    except KeyboardInterrupt:
        return 130


def _command(parsed: argparse.Namespace) -> int:
    folder = Path.cwd()
    match parsed.command:
        case "up":
            return up(folder)
        case "migrate":
            return asyncio.run(_migrate(owner_dsn(os.environ, folder)))
        case "doctor":
            return doctor.doctor(os.environ, folder)
        case "settings":
            dsn = owner_dsn(os.environ, folder)
            if parsed.action == "set":
                return asyncio.run(settings.set_setting(dsn, parsed.name, parsed.value))
            return asyncio.run(settings.print_settings(dsn, parsed.name))
        case "projection":
            return projection.run(parsed.action, os.environ, folder)
        case _:
            print(f"authsession {version('authsession')}, schema version {expected_version()}")
            return 0


async def _migrate(dsn: str) -> int:
    async with connect(dsn) as connection:
        applied = await migrate(connection)
    print("\n".join(f"Applied {name}" for name in applied) or f"Nothing to do: schema version {expected_version()}")
    return 0


def _complain(status: int, *sentences: str) -> int:
    for sentence in sentences:
        print(f"authsession: {sentence}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="authsession", description="Passwordless login by e-mail code.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="run everything on this machine: Postgres, Redis, both services")
    commands.add_parser("migrate", help="bring the database of AUTHSESSION_POSTGRES_DSN to this program's schema")
    commands.add_parser("doctor", help="say what is wrong with configuration and servers, and the cure")
    actions = commands.add_parser("settings", help="the settings that act everywhere at once").add_subparsers(
        dest="action", required=True
    )
    actions.add_parser("get", help="print all settings, or one").add_argument("name", nargs="?")
    change = actions.add_parser("set", help="change one setting")
    change.add_argument("name")
    change.add_argument("value")
    actions = commands.add_parser("projection", help="the gateway's copy in Redis").add_subparsers(dest="action", required=True)
    actions.add_parser("verify", help="list records that differ from Postgres; exit 1 if there are any")
    actions.add_parser("rebuild", help="write all records again")
    commands.add_parser("version", help="print the version")
    return parser


if __name__ == "__main__":
    sys.exit(main())
