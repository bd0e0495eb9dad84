"""`authsession settings get|set`: the one row of settings, and the record of who changed what (SPEC §5.2)."""

import getpass
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import asyncpg

from authsession.database import connect
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io import queries
from shared.kernel.actor import Actor

_SQL = queries.load("authsession")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class InvalidSetting(Exception):
    """No such setting, or not a value for it; the message is one sentence for a person."""


async def print_settings(dsn: str, name: str | None) -> int:
    """All settings as `name value` lines, or the value of one."""
    async with connect(dsn) as connection:
        values = await read_settings(connection)
    if name is None:
        print("\n".join(f"{each} {_written(value)}" for each, value in values.items()))
    else:
        _require(name)
        print(_written(values[name]))
    return 0


async def set_setting(dsn: str, name: str, text: str) -> int:
    """Changes one setting and says so."""
    async with connect(dsn) as connection:
        changed = await change_setting(connection, name, text, Actor("command_line", _who()))
    print(f"{name} is now {text}" if changed else f"{name} was {text} already")
    return 0


async def read_settings(connection: asyncpg.Connection) -> dict[str, Any]:
    """Every setting by name."""
    return dict(await connection.fetchrow(_SQL["read_settings"]) or {})


async def change_setting(connection: asyncpg.Connection, name: str, text: str, actor: Actor) -> bool:
    """Whether it changed: row, its version, history and audit row in one transaction. Raises `InvalidSetting`.

    Statements that begin after it commits use the new value, in every process. The same value again changes nothing.
    """
    value = _parse(name, text)
    async with connection.transaction():
        row = await connection.fetchrow(_SQL["lock_settings"])
        assert row is not None
        values = {each: row[each] for each in PARSERS}
        if values[name] == value:
            return False
        version = await connection.fetchval(_SQL["write_settings"], *(values | {name: value}).values())
        old = _written(values[name])
        await connection.execute(
            _SQL["write_settings_change"], version, name, old, _written(value), actor.type, actor.id
        )
        details = {"name": name, "old_value": old, "new_value": _written(value), "version": version}
        event = AuditEvent("security.change_setting", "changed", "command_line", actor, details=details)
        await insert_audit_event(connection, event)
    return True


def _parse(name: str, text: str) -> object:
    _require(name)
    try:
        return PARSERS[name](text.strip())
    except ValueError as problem:
        raise InvalidSetting(f"{name} must be {problem}, not {text!r}") from None


def _require(name: str) -> None:
    if name not in PARSERS:
        raise InvalidSetting(f"there is no setting {name!r}; there are {', '.join(PARSERS)}")


def _session_limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 10_000):
        raise ValueError("a whole number from 0 (no limit) to 10000")
    return int(text)


def _session_limit_policy(text: str) -> str:
    if text not in ("reject", "revoke_oldest"):
        raise ValueError("reject or revoke_oldest")
    return text


def _duration(shortest: str, longest: str) -> Callable[[str], timedelta]:
    least, most = _read_duration(shortest), _read_duration(longest)

    def parse(text: str) -> timedelta:
        duration = _read_duration(text)
        if duration is None or least is None or most is None or not least <= duration <= most:
            raise ValueError(f"a duration such as 90d or 12h, from {shortest} to {longest}")
        return duration

    return parse


def _read_duration(text: str) -> timedelta | None:
    written = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    return None if written is None else timedelta(**{_UNITS[written[2]]: int(written[1])})


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


# In the order of the parameters of `write_settings`.
PARSERS: Mapping[str, Callable[[str], object]] = {
    "session_limit": _session_limit,
    "session_limit_policy": _session_limit_policy,
    "session_max_age": _duration("1m", "3650d"),
    "require_client_key_proof": _boolean,
    "challenge_retention": _duration("25h", "3650d"),
    "known_network_retention": _duration("90d", "3650d"),
    "revoked_session_retention": _duration("30d", "3650d"),
    "expired_block_retention": _duration("1h", "3650d"),
}


def _written(value: object) -> str:
    """As `set` takes it."""
    match value:
        case bool():
            return str(value).lower()
        case timedelta():
            seconds = round(value.total_seconds())
            size, unit = next(
                (size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0
            )
            return f"{seconds // size}{unit}"
        case _:
            return str(value)


def _who() -> str:
    """The person at the terminal, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
