"""`authsession settings get|set|history`: the system settings from a terminal, as the schema's owner (SPEC §5.2)."""

import argparse
import sys

from authsession.attribution import COMMAND_LINE, person
from authsession.confirmation import add_yes, is_confirmed
from authsession.database import connect
from contracts.errors import ERRORS, ErrorCode
from services.internal_admin.system_settings.domain.change import (
    ChangeSettings,
    NoNodeReports,
    SettingsChange,
    SettingsChanged,
)
from services.internal_admin.system_settings.domain.settings import (
    SETTINGS,
    InvalidSetting,
    as_text,
    cautions,
    read_setting_text,
    require_setting,
)
from services.internal_admin.system_settings.store import change_settings, list_settings_changes, read_settings

__all__ = ["InvalidSetting", "add_set_arguments", "print_history", "print_settings", "set_setting"]


def add_set_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `settings set`. Its help lists every setting and the values that it accepts."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["settings:", *(f"  {name}: {_accepted(name)}" for name in SETTINGS)])
    parser.add_argument("name", help="one of the settings below")
    parser.add_argument("value", help="the new value; domains are separated by commas, and - is an empty list")
    add_yes(parser)


def _accepted(name: str) -> str:
    """The values that a setting accepts, in the words with which it refuses others."""
    try:
        SETTINGS[name].read(None)
    except ValueError as refusal:
        return str(refusal)
    raise AssertionError(f"{name} accepts a missing value")


async def print_settings(dsn: str, name: str | None) -> int:
    """Prints all settings as `name value` lines, or only the value of `name`. Raises `InvalidSetting`."""
    async with connect(dsn) as connection:
        values = (await read_settings(connection)).values
    if name is None:
        print("\n".join(f"{each} {as_text(value)}" for each, value in values.items()))
    else:
        require_setting(name)
        print(as_text(values[name]))
    return 0


async def set_setting(dsn: str, name: str, text: str, *, yes: bool) -> int:
    """Changes one setting and prints the result; cautions go to standard error. Raises `InvalidSetting`.

    Returns the exit status: 1 if the value may end sessions and the user does not confirm it.
    """
    values = {name: read_setting_text(name, text)}
    if _may_end_sessions(name, text) and not is_confirmed(f"Sessions that {name} {text} forbids end now", yes=yes):
        return 1
    command = ChangeSettings(values, None, person(), COMMAND_LINE)
    async with connect(dsn) as connection:
        outcome = await change_settings(connection, command)
    if isinstance(outcome, NoNodeReports):
        print(f"authsession: {name}: {ERRORS[ErrorCode.NO_NODE_REPORTS].message}", file=sys.stderr)
        return 1
    changed = isinstance(outcome, SettingsChanged)
    print(f"{name} is now {as_text(values[name])}" if changed else f"{name} was already {as_text(values[name])}")
    for caution in cautions(values):
        print(f"authsession: {caution}", file=sys.stderr)
    return 0


def _may_end_sessions(name: str, text: str) -> bool:
    return name in (
        "blocked_email_domains",
        "allowed_email_domains",
        "session_max_age",
        "session_idle_age",
    ) and text.strip() not in (
        "-",
        "off",
    )


async def print_history(dsn: str, limit: int) -> int:
    """Prints at most `limit` changes, newest first: time, version, author, setting, old and new value."""
    async with connect(dsn) as connection:
        for change in await list_settings_changes(connection, max(limit, 0)):
            print(_line(change))
    return 0


def _line(change: SettingsChange) -> str:
    at = change.changed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    who = change.actor.type if change.actor.id is None else f"{change.actor.type}:{change.actor.id}"
    return f"{at} {change.version} {who} {change.name} {change.old_value} -> {change.new_value}"
