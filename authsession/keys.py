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

    `statement` gives groups of rows. One of the `keys` of a group suffices for its rows; a group without keys may need
    every key. Such a key is its id, and for a key that signs also a space and its public key. `one` and `many` name the
    rows and their verb: "live code needs", "live codes need".
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
    is_internal: bool = True
    """Whether the internal process alone may hold it."""
    stops_start: bool = False
    """Whether the internal process refuses to start without a key that rows need."""


_CODES = ("live code needs", "live codes need")
RINGS = (
    Ring(
        variables.LOGIN_CODE_KEYS,
        (Need("read_needed_login_code_keys", *_CODES),),
        "may be removed 90 days after its last use for writing, or now if known networks may become unknown until "
        "their next login",
        is_internal=False,
    ),
    Ring(
        variables.SEALING_KEYS,
        (
            Need("read_needed_sealing_keys", *_CODES),
            Need("read_needed_mail_connection_keys", "mail connection needs", "mail connections need"),
        ),
        "may be removed",
        is_internal=False,
    ),
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
    Ring(
        variables.SECRET_KEYS,
        (Need("read_needed_secret_keys", "version of a secret needs", "versions of secrets need"),),
        "may be removed once every internal process has restarted with another key in front",
        stops_start=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Needed:
    """A key that rows need, and those rows: "1 live code needs"."""

    ring: Ring
    key: str
    by: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `keys`."""
    actions = parser.add_subparsers(dest="action", required=True)
    making = actions.add_parser("new", help="print a new key, ready to add to a list of keys")
    making.add_argument(
        "id", nargs="?", help="the id of the key, or the variable that it is for (default id: k, the date and the time)"
    )
    actions.add_parser("status", help="show for each key whether it is needed; exit 1 if a needed key is missing")


def run(parsed: argparse.Namespace, given: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 if a needed key is missing, else 0.

    Raises `ConfigurationError`, and `StartFailure` if there is no database.
    """
    if parsed.action == "new":
        is_variable = parsed.id in {ring.variable.name for ring in RINGS}
        key_id = None if is_variable else parsed.id
        print(new_key(key_id or SystemClock().now().strftime("k%Y%m%d-%H%M%S")))
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


async def missing_keys(
    connection: asyncpg.Connection, environment: Mapping[str, str], *, is_public: bool
) -> list[Needed]:
    """The missing keys of the rings in the environment. Tables that are missing or not readable count as empty.

    The public process holds fewer rings, and its user may not read all that was made with the others.
    """
    reading = Reading(environment)
    held = [ring for ring in RINGS if not (is_public and ring.is_internal)]
    rings = [(ring, _names(keys)) for ring in held if (keys := _optional(reading, ring.variable)) is not None]
    return [each for ring, names in rings for each in _missing(names, await needed_keys(connection, ring, names))]


async def needed_keys(connection: asyncpg.Connection, ring: Ring, names: Sequence[str]) -> list[Needed]:
    """The keys that rows need, those that are missing in `names` included."""
    return [each for need in ring.needs for each in _needed(ring, need, names, await _groups(connection, need))]


async def _groups(connection: asyncpg.Connection, need: Need) -> list[tuple[list[str], int]]:
    """Groups of rows, each as the names of keys and the number of rows. Empty if this user may not read them."""
    try:
        rows = await connection.fetch(*_SQL[need.statement]())
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.InsufficientPrivilegeError):
        return []
    return [([_name(*key.split()) for key in row["keys"]], row["needing"]) for row in rows]


def _needed(ring: Ring, need: Need, names: Sequence[str], groups: Iterable[tuple[list[str], int]]) -> Iterator[Needed]:
    counts: Counter[str] = Counter()
    for keys, count in groups:
        counts.update(dict.fromkeys(_indispensable(names, keys), count))
    return (Needed(ring, key, need.of(count)) for key, count in counts.items())


def _indispensable(names: Sequence[str], keys: Sequence[str]) -> Sequence[str]:
    """The keys without which a group of rows would have none. A second key of the ring makes the first dispensable."""
    if not keys:
        return names
    present = [key for key in keys if key in names]
    return present if len(present) == 1 else () if present else keys[:1]


async def _print_status(dsn: str, environment: Mapping[str, str]) -> int:
    reading = Reading(environment)
    rings = [(ring, _names(_required(reading, ring.variable))) for ring in RINGS]
    reading.finish()
    missing: list[Needed] = []
    async with connect(dsn) as connection:
        for ring, names in rings:
            needed = await needed_keys(connection, ring, names)
            print("\n".join([ring.variable.name, *(f"  {line}" for line in _lines(ring, names, needed))]))
            missing += _missing(names, needed)
    for variable, key in dict.fromkeys((each.ring.variable.name, each.key) for each in missing):
        print(f"authsession: {variable} lacks the key {key}: put it back", file=sys.stderr)
    return 1 if missing else 0


def _required(reading: Reading, variable: Variable[KeyRing]) -> KeyRing:
    """The ring, which is empty if it is optional and not set. Problems go to `reading`."""
    return reading.required(variable) if variable.stand_in is not None else reading.optional(variable) or NO_KEYS


def _optional(reading: Reading, variable: Variable[KeyRing]) -> KeyRing | None:
    """The ring. An optional one that is not set is empty; None for a bad one and for a required one that is not set."""
    if variable.stand_in is None and not reading.is_set(variable):
        return NO_KEYS
    return reading.optional(variable)


def _names(keys: KeyRing) -> list[str]:
    """The names of the keys in the output, newest first."""
    if isinstance(keys, ConfigKeys):
        return [_name(key.key_id, base64.b64encode(key.public_key).decode()) for key in keys.public_keys()]
    return [_name(key.id) for key in keys]


def _name(key_id: str, public_key: str | None = None) -> str:
    """The id, and the fingerprint of a key that signs: another key under its id is another key for every node."""
    return key_id if public_key is None else f"{key_id} (fingerprint {fingerprint_of(base64.b64decode(public_key))})"


def _lines(ring: Ring, names: Sequence[str], needed: Sequence[Needed]) -> Iterator[str]:
    """One line for each key. The first key is the newest."""
    if not names:
        yield "is not set"
    for place, name in enumerate(names):
        uses = [f"{each.by} it" for each in needed if each.key == name]
        yield f"{name:<12} {'; '.join([ring.newest, *uses] if place == 0 else uses or [ring.may_go])}"
    for each in _missing(names, needed):
        yield f"{each.key:<12} missing: {each.by} it; put it back"


def _missing(names: Sequence[str], needed: Iterable[Needed]) -> list[Needed]:
    return [each for each in needed if each.key not in names]
