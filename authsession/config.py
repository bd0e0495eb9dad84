"""`authsession config show|bundle|new-epoch`: the signed configuration of pools, as the schema's owner (SPEC §16.4)."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from authsession.attribution import COMMAND_LINE, person
from authsession.confirmation import add_yes, is_confirmed
from authsession.database import connect, owner_dsn
from authsession.event_loop import run_async
from authsession.installation import Installation
from contracts.node.bundle import Bundle, encode_bundle
from contracts.node.manifest import decode_manifest, digest_of
from services.internal_admin.publication.store import heads, resigning
from shared.config import variables
from shared.config.settings import Reading
from shared.kernel.config_keys import ConfigKeys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `config`."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("show", help="print the configuration of each pool: position, documents, expiry")
    bundling = actions.add_parser("bundle", help="write a pool's signed configuration to standard output")
    bundling.add_argument("--pool", required=True, help="the pool")
    beginning = actions.add_parser(
        "new-epoch", help="begin a new epoch, after a restore: nodes accept it whatever they applied before"
    )
    beginning.add_argument("--pool", help="the pool; without it, every pool")
    add_yes(beginning)


def run(parsed: argparse.Namespace, given: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 if a pool has no configuration, or without confirmation; else 0."""
    dsn = owner_dsn(given, folder)
    match parsed.action:
        case "show":
            return run_async(_show(dsn))
        case "bundle":
            return run_async(_bundle(dsn, parsed.pool))
        case _:
            keys, which = signing_keys(given, folder), f"the pool {parsed.pool}" if parsed.pool else "every pool"
            consequence = f"This signs the configuration of {which} anew; its nodes take it over what they have"
            return run_async(_begin(dsn, keys, parsed.pool)) if is_confirmed(consequence, yes=parsed.yes) else 1


def signing_keys(given: Mapping[str, str], folder: Path) -> ConfigKeys:
    """The keys of AUTHSESSION_CONFIG_KEYS, or of the `up` in `folder`. Raises `ConfigurationError` without them."""
    running = Installation(folder).running()
    reading = Reading((running.internal_environment if running else {}) | dict(given))
    keys = reading.optional(variables.CONFIG_KEYS)
    if keys is None and not reading.problems:
        reading.problems.append(
            f"{variables.CONFIG_KEYS.name} is not set, so nothing can be signed: set it as for the internal process"
        )
    reading.finish()
    assert keys is not None
    return keys


async def _show(dsn: str) -> int:
    async with connect(dsn) as connection:
        listed = await heads.list_heads(connection)
        if not listed:
            print("no configuration was ever activated")
        for head in listed:
            served = await heads.read_served_head(connection, head.pool)
            if served is None:
                continue
            manifest = decode_manifest(served.current.signed.payload)
            documents = ", ".join(f"{each.kind} {each.name} version {each.version}" for each in manifest.documents)
            stage = f", staged at {head.percent} %" if head.is_staged else ""
            halted = ", halted" if head.halted_at else ""
            print(
                f"{head.pool} epoch {head.position.epoch} sequence {head.position.sequence}{stage}{halted} "
                f"until {manifest.expires_at:%Y-%m-%dT%H:%M:%SZ}: {documents or 'no documents'}"
            )
    return 0


async def _bundle(dsn: str, pool: str) -> int:
    async with connect(dsn) as connection:
        found = await heads.read_bundle(connection, pool)
    if found is None:
        return _nothing(pool)
    contents = {digest_of(content): content for content in found.documents}
    sys.stdout.buffer.write(encode_bundle(Bundle(found.manifest.signed, contents)))
    sys.stdout.buffer.flush()
    return 0


async def _begin(dsn: str, keys: ConfigKeys, pool: str | None) -> int:
    async with connect(dsn) as connection:
        positions = await resigning.begin_epochs(connection, keys, pool, COMMAND_LINE, person())
    if pool is not None and not positions:
        return _nothing(pool)
    for each in positions:
        print(f"{each.pool} is now at epoch {each.epoch}, sequence {each.sequence}")
    return 0


def _nothing(pool: str) -> int:
    print(f"authsession: no configuration was ever activated in the pool {pool}", file=sys.stderr)
    return 1
