"""`authsession secrets`: stored secrets from a terminal, as the schema's owner (SPEC §17)."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from authsession import secret_changes, secret_keys, secret_reveal
from authsession.database import owner_dsn
from authsession.event_loop import run_async


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `secrets`."""
    actions = parser.add_subparsers(dest="action", required=True)
    secret_changes.add_arguments(actions)
    secret_keys.add_rewrap(actions.add_parser(
        "rewrap", help="wrap every data key with the first key of AUTHSESSION_SECRET_KEYS; opens no value"
    ))  # fmt: skip
    secret_keys.add_abandon(actions.add_parser(
        "abandon-key", help="destroy the versions that need a key which is lost for good"
    ))  # fmt: skip
    secret_reveal.add_reveal(actions.add_parser(
        "reveal", help="print one value on a terminal, for an emergency; the audit trail names you"
    ))  # fmt: skip


def run(parsed: argparse.Namespace, given: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 if something failed or the user did not confirm, else 0.

    Raises `ConfigurationError`, and `StartFailure` if there is no database.
    """
    dsn = owner_dsn(given, folder)
    if parsed.action in secret_changes.ACTIONS:
        return secret_changes.run(parsed, dsn, given, folder)
    match parsed.action:
        case "rewrap":
            ring = secret_keys.ring_of_secrets(given, folder)
            return run_async(secret_keys.rewrap(dsn, ring, as_json=parsed.json))
        case "abandon-key":
            return secret_keys.abandon(dsn, given, folder, parsed.key_id, yes=parsed.yes)
        case _:
            ring = secret_keys.ring_of_secrets(given, folder)
            return secret_reveal.reveal(dsn, ring, parsed.secret_id, parsed.version)
