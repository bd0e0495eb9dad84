"""`authsession secrets rewrap|abandon-key`: another key for stored secrets, or an end for those of a lost key."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from authsession.attribution import COMMAND_LINE, person
from authsession.confirmation import add_yes, is_confirmed
from authsession.database import connect
from authsession.event_loop import run_async
from authsession.installation import Installation
from services.internal_admin.publication.store.references import SecretReferences
from services.internal_admin.secrets.domain.rewrapping import BEFORE_ALL, Batch, Unreadable
from services.internal_admin.secrets.store.aged import destroy_versions_of_key
from services.internal_admin.secrets.store.keys import count_versions_of_keys, count_versions_to_rewrap, rewrap_batch
from services.internal_admin.secrets.store.values import Vault
from shared.config import variables
from shared.config.settings import Reading
from shared.kernel.clock import SystemClock
from shared.kernel.config_keys import NO_CONFIG_KEYS
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import ConfigurationError
from shared.kernel.keyring import NO_KEYS, KeyRing

_PASSES = 5
"""A version that a destruction holds is left out, and tried in the next pass."""
_BETWEEN_PASSES = 1.0
_NAME = variables.SECRET_KEYS.name


def add_rewrap(parser: argparse.ArgumentParser) -> None:
    """The arguments of `secrets rewrap`."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_abandon(parser: argparse.ArgumentParser) -> None:
    """The arguments of `secrets abandon-key`."""
    parser.add_argument("key_id", help="the id of the lost key, as `keys status` prints it")
    add_yes(parser)


def ring_of_secrets(given: Mapping[str, str], folder: Path) -> KeyRing:
    """The ring of the environment, or of the `up` in `folder`. Raises `ConfigurationError` without one."""
    reading = _reading(given, folder)
    keys = reading.optional(variables.SECRET_KEYS)
    reading.finish()
    if keys is None:
        raise ConfigurationError([f"{_NAME} is not set: set it as for the internal process"])
    return keys


def vault_of(given: Mapping[str, str], folder: Path) -> Vault:
    """The means to change secrets. Without keys of its kind no value is written, and no manifest signed."""
    reading = _reading(given, folder)
    ring = reading.optional(variables.SECRET_KEYS) or NO_KEYS
    config_keys = reading.optional(variables.CONFIG_KEYS) or NO_CONFIG_KEYS
    reading.finish()
    return Vault(ring, SecretReferences(config_keys).refresh, SystemClock(), SystemEntropy())


async def rewrap(dsn: str, ring: KeyRing, *, as_json: bool) -> int:
    """Give every data key the newest key. The exit status: 1 if a version is left with another key, else 0."""
    async with connect(dsn) as connection:
        done, unreadable = await _rewrap_all(connection, ring, show=not as_json)
        left = await count_versions_to_rewrap(connection, ring)
    if as_json:
        stop = {} if unreadable is None else {"unreadable": _fields(unreadable)}
        print(json.dumps({"key_id": ring.newest.id, "rewrapped": done, "left": left, **stop}, indent=2))
    else:
        print(f"data keys wrapped anew with the key {ring.newest.id}: {done}; left: {left}")
    if unreadable is not None:
        print(f"authsession: {_problem(unreadable)}", file=sys.stderr)
    elif left:
        print("authsession: other commands hold or write these versions: run this again", file=sys.stderr)
    return 1 if left else 0


def abandon(dsn: str, given: Mapping[str, str], folder: Path, key_id: str, *, yes: bool) -> int:
    """Destroy what a lost key protects. The exit status: 1 if there is no such version or no agreement, else 0."""
    vault = vault_of(given, folder)
    if vault.keys.get(key_id) is not None:
        raise ConfigurationError([f"{_NAME} has the key {key_id}, so it is not lost: run `secrets rewrap`"])
    count = run_async(_count(dsn, key_id))
    if not count:
        print(f"authsession: no version of a secret needs the key {key_id}", file=sys.stderr)
        return 1
    consequence = f"This destroys {count} versions of secrets that need the key {key_id}, for good"
    if not is_confirmed(consequence, yes=yes):
        return 1
    return run_async(_abandon(dsn, vault, key_id))


async def _rewrap_all(connection: asyncpg.Connection, ring: KeyRing, *, show: bool) -> tuple[int, Unreadable | None]:
    """The number of versions that got the key, and the version that ended the work, if one did."""
    total, done = await count_versions_to_rewrap(connection, ring), 0
    for place in range(_PASSES):
        if place:
            await asyncio.sleep(_BETWEEN_PASSES)
        batch = Batch(0, BEFORE_ALL)
        while True:
            batch = await rewrap_batch(connection, ring, SystemEntropy(), batch.last, COMMAND_LINE, person())
            done += batch.count
            if batch.is_end:
                break
            if show:
                print(f"{done} of {max(total, done)} data keys", file=sys.stderr)
        if batch.unreadable is not None or not await count_versions_to_rewrap(connection, ring):
            return done, batch.unreadable
    return done, None


async def _count(dsn: str, key_id: str) -> int:
    async with connect(dsn) as connection:
        return (await count_versions_of_keys(connection)).get(key_id, 0)


async def _abandon(dsn: str, vault: Vault, key_id: str) -> int:
    count = 0
    async with connect(dsn) as connection:
        while destroyed := await destroy_versions_of_key(connection, vault, key_id, COMMAND_LINE, person()):
            count += destroyed
    print(f"{count} versions of secrets are destroyed")
    return 0


def _reading(given: Mapping[str, str], folder: Path) -> Reading:
    running = Installation(folder).running()
    return Reading((running.internal_environment if running else {}) | dict(given))


def _fields(unreadable: Unreadable) -> dict[str, object]:
    version = unreadable.version
    return {"secret_id": version.secret_id, "version": version.version, "key_id": unreadable.key_id}


def _problem(unreadable: Unreadable) -> str:
    version, key_id = unreadable.version, unreadable.key_id
    which = f"version {version.version} of {version.secret_id} cannot be unwrapped"
    if unreadable.lacks_key:
        return f"{which}: {_NAME} lacks the key {key_id}; put it back and run this again"
    return f"{which}: its row was changed, or {key_id} is another key; restore the row, or destroy the version"
