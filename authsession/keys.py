"""`authsession keys new|status`: prints a new key; shows which keys are still needed (SPEC §10.9). Changes nothing."""

import argparse
import base64
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from authsession.database import connect, owner_dsn
from authsession.event_loop import run_async
from authsession.installation import Installation
from contracts.node.join import fingerprint_of
from shared.config import variables
from shared.config.settings import Reading, Variable
from shared.io import queries
from shared.kernel.clock import SystemClock
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import ConfigurationError
from shared.kernel.keyring import KEY_ID, NO_KEYS, KeyRing

_SQL = queries.load("authsession", "keys.sql")


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of row that needs a key.

    `statement` gives groups of rows. One of the keys `key_ids` of a group suffices for its rows; without any id the
    rows may need every key. `one` and `many` name the rows and their verb: "live code needs", "live codes need".
    """

    statement: str
    one: str
    many: str

    def of(self, count: int) -> str:
        """For example "1 live code needs"."""
        return f"{count} {self.one if count == 1 else self.many}"


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one variable, and the rows that need them."""

    variable: Variable[KeyRing]
    needs: tuple[Need, ...]
    may_go: str
    """The text for a key that no row needs and that no longer writes: when an operator may remove it."""
    newest: str = "writes"
    """The text for the first key."""


_CODES = ("live code needs", "live codes need")
RINGS = (
    Ring(
        variables.LOGIN_CODE_KEYS,
        (Need("read_needed_login_code_keys", *_CODES),),
        "may be removed 90 days after its last use for writing, or now if known networks may become unknown until "
        "their next login",
    ),
    Ring(variables.SEALING_KEYS, (Need("read_needed_sealing_keys", *_CODES),), "may be removed"),
    Ring(variables.COOKIE_KEYS, (), "may be removed one day after its last use for writing"),
    Ring(
        variables.AUDIT_KEYS,
        (Need("read_needed_audit_keys", "seal of the audit trail needs", "seals of the audit trail need"),),
        "may be removed",
    ),
    Ring(
        variables.CONFIG_KEYS,
        (
            Need("read_config_keys_of_manifests", "manifest needs", "manifests need"),
            Need("read_config_keys_of_nodes", "node needs", "nodes need"),
            Need(
                "read_nodes_without_manifest",
                "node that has not applied a present manifest may need",
                "nodes that have not applied a present manifest may need",
            ),
        ),
        "may be removed when the join tokens made while it was first have ended",
        "is named in new join strings",
    ),
)


@dataclass(frozen=True, slots=True)
class Needed:
    """A key that rows need, and those rows: "1 live code needs"."""

    ring: Ring
    key_id: str
    by: str


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


async def missing_keys(connection: asyncpg.Connection, environment: Mapping[str, str]) -> list[Needed]:
    """The missing keys of the rings in the environment. Tables that are missing or not readable count as empty."""
    reading = Reading(environment)
    rings = [(ring, keys) for ring in RINGS if (keys := _optional(reading, ring.variable)) is not None]
    return [each for ring, keys in rings for each in _missing(keys, await needed_keys(connection, ring, keys))]


async def needed_keys(connection: asyncpg.Connection, ring: Ring, keys: KeyRing) -> list[Needed]:
    """The keys that rows need, those that `keys` lacks included."""
    return [each for need in ring.needs for each in _needed(ring, need, keys, await _groups(connection, need))]


async def _groups(connection: asyncpg.Connection, need: Need) -> list[tuple[Sequence[str], int]]:
    """Groups of rows, each as its `key_ids` and the number of rows. Empty if this user may not read them."""
    try:
        return [(row["key_ids"], row["needing"]) for row in await connection.fetch(*_SQL[need.statement]())]
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.InsufficientPrivilegeError):
        return []


def _needed(ring: Ring, need: Need, keys: KeyRing, groups: Iterable[tuple[Sequence[str], int]]) -> Iterator[Needed]:
    counts: Counter[str] = Counter()
    for key_ids, count in groups:
        counts.update(dict.fromkeys(_indispensable(keys, key_ids), count))
    return (Needed(ring, key_id, need.of(count)) for key_id, count in counts.items())


def _indispensable(keys: KeyRing, key_ids: Sequence[str]) -> Sequence[str]:
    """The keys without which a group of rows would have none. A second key of the ring makes the first dispensable."""
    if not key_ids:
        return [key.id for key in keys]
    present = [key_id for key_id in key_ids if keys.get(key_id) is not None]
    return present if len(present) == 1 else () if present else key_ids[:1]


async def _print_status(dsn: str, environment: Mapping[str, str]) -> int:
    reading = Reading(environment)
    rings = [(ring, _required(reading, ring.variable)) for ring in RINGS]
    reading.finish()
    missing: list[Needed] = []
    async with connect(dsn) as connection:
        for ring, keys in rings:
            needed = await needed_keys(connection, ring, keys)
            print("\n".join([ring.variable.name, *(f"  {line}" for line in _lines(ring, keys, needed))]))
            missing += _missing(keys, needed)
    for name, key_id in dict.fromkeys((each.ring.variable.name, each.key_id) for each in missing):
        print(f"authsession: {name} lacks the key {key_id}: put it back", file=sys.stderr)
    return 1 if missing else 0


def _required(reading: Reading, variable: Variable[KeyRing]) -> KeyRing:
    """The ring, which is empty if it is optional and not set. Problems go to `reading`."""
    return reading.required(variable) if variable.stand_in is not None else reading.optional(variable) or NO_KEYS


def _optional(reading: Reading, variable: Variable[KeyRing]) -> KeyRing | None:
    """The ring. An optional one that is not set is empty; None for a bad one and for a required one that is not set."""
    if variable.stand_in is None and not reading.is_set(variable):
        return NO_KEYS
    return reading.optional(variable)


def _lines(ring: Ring, keys: KeyRing, needed: Sequence[Needed]) -> Iterator[str]:
    """One line for each key. The first key is the newest."""
    if not keys:
        yield "is not set"
    fingerprints = _fingerprints(keys)
    for place, key in enumerate(keys):
        uses = [f"{each.by} it" for each in needed if each.key_id == key.id]
        texts = [ring.newest, *uses] if place == 0 else uses or [ring.may_go]
        yield f"{key.id:<12} {'; '.join([*fingerprints.get(key.id, ()), *texts])}"
    for each in _missing(keys, needed):
        yield f"{each.key_id:<12} missing: {each.by} it; put it back"


def _fingerprints(keys: KeyRing) -> Mapping[str, tuple[str]]:
    """The text about the fingerprint of each key that signs. It is public, and a join string ends with it."""
    if not isinstance(keys, ConfigKeys):
        return {}
    return {key.key_id: (f"fingerprint {fingerprint_of(key.public_key)}",) for key in keys.public_keys()}


def _missing(keys: KeyRing, needed: Iterable[Needed]) -> list[Needed]:
    return [each for each in needed if keys.get(each.key_id) is None]
