"""`authsession keys new|status`: prints a new key; shows which keys are still needed (SPEC §10.9). Changes nothing."""

import argparse
import base64
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from authsession.database import connect, owner_dsn
from authsession.event_loop import run_async
from authsession.installation import Installation
from shared.config import variables
from shared.config.settings import Reading, Variable
from shared.io import queries
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import ConfigurationError
from shared.kernel.keyring import KEY_ID, KeyRing

_SQL = queries.load("authsession", "keys.sql")


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one variable.

    `statement` counts the rows that need each key. It is None if Postgres holds no such rows. The output calls one such
    row `one` and several `many`.
    """

    variable: Variable[KeyRing]
    statement: str | None
    one: str
    many: str
    may_go: str
    """The text for a key that no row needs and that no longer writes: when an operator may remove it."""


RINGS = (
    Ring(
        variables.LOGIN_CODE_KEYS,
        "read_needed_login_code_keys",
        "live code",
        "live codes",
        "may be removed 90 days after its last use for writing, or now if known networks may become unknown until "
        "their next login",
    ),
    Ring(variables.SEALING_KEYS, "read_needed_sealing_keys", "live code", "live codes", "may be removed"),
    Ring(variables.COOKIE_KEYS, None, "cookie", "cookies", "may be removed one day after its last use for writing"),
    Ring(
        variables.AUDIT_KEYS,
        "read_needed_audit_keys",
        "seal of the audit trail",
        "seals of the audit trail",
        "may be removed",
    ),
)


@dataclass(frozen=True, slots=True)
class MissingKey:
    """A key that was removed although `needing` rows still need it."""

    ring: Ring
    key_id: str
    needing: int

    @property
    def needed_by(self) -> str:
        """The rows and their verb: "1 live code needs"."""
        return _needed_by(self.ring, self.needing)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `keys`."""
    actions = parser.add_subparsers(dest="action", required=True)
    making = actions.add_parser("new", help="print a new key, ready to add to a list of keys")
    making.add_argument("id", nargs="?", help="the id of the key (default: k, the date and the time)")
    actions.add_parser("status", help="show for each key whether it is needed; exit 1 if a needed key is missing")


def run(parsed: argparse.Namespace, given: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 if a needed key is missing, else 0.

    Raises `ConfigurationError`, and `StartFailure` if there is no database.
    """
    if parsed.action == "new":
        print(new_key(parsed.id or SystemClock().now().strftime("k%Y%m%d-%H%M%S")))
        return 0
    running = Installation(folder).running()
    environment = (running.internal_environment if running else {}) | dict(given)
    return run_async(_print_status(owner_dsn(given, folder), environment))


def new_key(key_id: str) -> str:
    """`id:base64` of 32 random bytes. Raises `ConfigurationError` if `key_id` is no valid id."""
    if not KEY_ID.fullmatch(key_id):
        raise ConfigurationError(
            ["the id of a key must be 1 to 32 letters, digits, dots, dashes or underscores, such as k2"]
        )
    return f"{key_id}:{base64.b64encode(SystemEntropy().token_bytes(32)).decode()}"


async def missing_keys(connection: asyncpg.Connection, environment: Mapping[str, str]) -> list[MissingKey]:
    """The missing keys of the rings in the environment. Tables that are missing or not readable count as empty."""
    found: list[MissingKey] = []
    for ring in RINGS:
        keys = Reading(environment).optional(ring.variable)
        if keys is not None:
            found += _missing(ring, keys, await needed_keys(connection, ring))
    return found


async def needed_keys(connection: asyncpg.Connection, ring: Ring) -> Mapping[str, int]:
    """The number of rows that need each key, by key id. Empty if this user may not read them."""
    if ring.statement is None:
        return {}
    try:
        return {row["key_id"]: row["needing"] for row in await connection.fetch(*_SQL[ring.statement]())}
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.InsufficientPrivilegeError):
        return {}


async def _print_status(dsn: str, environment: Mapping[str, str]) -> int:
    reading = Reading(environment)
    rings = {ring.variable.name: reading.required(ring.variable) for ring in RINGS}
    reading.finish()
    missing: list[MissingKey] = []
    async with connect(dsn) as connection:
        for ring in RINGS:
            needed, keys = await needed_keys(connection, ring), rings[ring.variable.name]
            print("\n".join([ring.variable.name, *(f"  {line}" for line in _lines(ring, keys, needed))]))
            missing += _missing(ring, keys, needed)
    for each in missing:
        print(f"authsession: {each.ring.variable.name} lacks the key {each.key_id}: put it back", file=sys.stderr)
    return 1 if missing else 0


def _lines(ring: Ring, keys: KeyRing, needed: Mapping[str, int]) -> Iterator[str]:
    """One line for each key; the first key is the one that writes."""
    for place, key in enumerate(keys):
        count = needed.get(key.id, 0)
        need = [f"{_needed_by(ring, count)} it"] if count else []
        yield f"{key.id:<12} {'; '.join(['writes', *need] if place == 0 else need or [ring.may_go])}"
    for each in _missing(ring, keys, needed):
        yield f"{each.key_id:<12} missing: {each.needed_by} it; put it back"


def _needed_by(ring: Ring, count: int) -> str:
    return f"1 {ring.one} needs" if count == 1 else f"{count} {ring.many} need"


def _missing(ring: Ring, keys: KeyRing, needed: Mapping[str, int]) -> Sequence[MissingKey]:
    return [MissingKey(ring, key_id, count) for key_id, count in needed.items() if keys.get(key_id) is None]
