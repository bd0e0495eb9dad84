"""`authsession secrets reveal`: one value on a terminal, for an emergency. The audit row is committed before it."""

import argparse
import base64
import re
import sys

import asyncpg

from authsession.attribution import COMMAND_LINE, person
from authsession.database import connect
from authsession.event_loop import run_async
from contracts.audit_events import EventName
from contracts.errors import Refusal
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.secrets.domain.secret import SecretGone, StoredVersion, UnreadableSecret
from services.internal_admin.secrets.store.values import lock_secret, read_value
from shared.config import variables
from shared.kernel.keyring import KeyRing

_SECRET_ID = re.compile(r"secret-[0-9A-Za-z_-]{1,100}")
_NO_KEY = f"{variables.SECRET_KEYS.name} lacks the key of this version: put it back"


def add_reveal(parser: argparse.ArgumentParser) -> None:
    """The arguments of `secrets reveal`."""
    parser.add_argument("secret_id", type=_secret_id, help="the id that lists print")
    parser.add_argument("--version", type=_number, required=True, metavar="N", help="the version to print")


def reveal(dsn: str, ring: KeyRing, secret_id: str, version: int) -> int:
    """Print the value once. The exit status: 1 if standard output is no terminal, or if it cannot be read; else 0."""
    if not sys.stdout.isatty():
        print("authsession: a value is printed on a terminal only: do not redirect the output", file=sys.stderr)
        return 1
    value = run_async(_audited(dsn, ring, StoredVersion(secret_id, version)))
    if isinstance(value, str):
        print(f"authsession: {value}", file=sys.stderr)
        return 1
    print(_printable(value))
    return 0


async def _audited(dsn: str, ring: KeyRing, version: StoredVersion) -> bytes | str:
    """The value, or the problem. Its audit row is committed when this returns, also that of a failure."""
    async with connect(dsn) as connection:
        try:
            value, outcome = await read_value(connection, ring, version), "revealed"
        except SecretGone:
            value, outcome = await _reason(connection, version), "gone"
        except UnreadableSecret as unreadable:
            value, outcome = str(unreadable), "unreadable"
        except Refusal:
            value, outcome = _NO_KEY, "key_missing"
        await insert_operator_event(
            connection, EventName.REVEAL_SECRET, outcome, COMMAND_LINE,
            actor=person(), subject=version.secret_id, version=version.version,
        )  # fmt: skip
    return value


async def _reason(connection: asyncpg.Connection, version: StoredVersion) -> str:
    """The reason why a version cannot be read."""
    secret = await lock_secret(connection, version.secret_id)
    if secret is None:
        return f"there is no secret {version.secret_id}"
    if secret.deleted_at is not None:
        return f"{version.secret_id} is deleted: undelete it first"
    return f"version {version.version} of {version.secret_id} does not exist, or is destroyed"


def _printable(value: bytes) -> str:
    """The text; base64 if it is no text, or holds characters that would command the terminal."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if all(character.isprintable() or character in "\n\t" for character in text):
        return text
    print("authsession: the value is not printable text, so it follows in base64", file=sys.stderr)
    return base64.b64encode(value).decode()


def _secret_id(text: str) -> str:
    if not _SECRET_ID.fullmatch(text):
        raise argparse.ArgumentTypeError("must be the id of a secret, such as secret-01h…")
    return text


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII):
        raise argparse.ArgumentTypeError("must be the number of a version, such as 1")
    return int(text)
