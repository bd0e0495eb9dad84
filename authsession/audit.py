"""`authsession audit tail|verify|export`: the audit trail on a terminal, as the schema's owner (SPEC §10.8)."""

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import asyncpg

from authsession.audit_verify import verify_trail
from authsession.database import connect, owner_dsn
from authsession.event_loop import run_async
from authsession.installation import Installation
from contracts.control_plane.audit import AuditCursor, AuditFilter, ListedAuditRow, encode_audit_lines
from contracts.errors import Refusal
from contracts.instant import decode_instant
from services.internal_admin.audit.domain.chain import Place
from services.internal_admin.audit.domain.unseen_ids import UnseenIds
from services.internal_admin.audit.store.seals import audit_row, read_unseen_rows
from services.internal_admin.audit.store.trail import list_audit_rows, walk_audit_rows
from shared.config import variables
from shared.config.settings import Reading

PAGE = 500
LOOK = 1.0
"""Seconds between two polls of `tail --follow`."""
_MAX_ROWS = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `audit`."""
    actions = parser.add_subparsers(dest="action", required=True)
    tail = actions.add_parser("tail", help="print the newest rows as JSON lines, the newest last")
    tail.add_argument("-n", dest="number", type=_number, default=10, metavar="N", help="print N rows (default 10)")
    tail.add_argument("--follow", action="store_true", help="keep printing new rows as they appear")
    verify = actions.add_parser("verify", help="find rows that were changed, deleted or moved; exit 1 if there are any")
    verify.add_argument(
        "--anchor",
        type=_anchor,
        action="append",
        default=[],
        metavar="SEQ:MAC",
        help="a place in the chain, from the log of the internal process or from an earlier verify; with it, verify "
        "also finds rows missing at the end; may be given several times",
    )
    export = actions.add_parser("export", help="print rows as JSON lines, oldest first")
    export.add_argument(
        "--from", dest="since", type=_instant, metavar="INSTANT", help="first instant, such as 2026-04-05T12:00:00Z"
    )
    export.add_argument("--to", dest="until", type=_instant, metavar="INSTANT", help="end, this instant excluded")


def run(parsed: argparse.Namespace, given: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 if `verify` has findings, else 0.

    Raises `ConfigurationError`, and `StartFailure` if there is no database.
    """
    dsn = owner_dsn(given, folder)
    try:
        match parsed.action:
            case "verify":
                return run_async(_verify(dsn, _with_keys(given, folder), parsed.anchor))
            case "export":
                return run_async(_export(dsn, parsed.since, parsed.until))
            case _:
                return run_async(_tail(dsn, parsed.number, follows=parsed.follow))
    except BrokenPipeError:  # the reader, such as `| head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _with_keys(given: Mapping[str, str], folder: Path) -> Mapping[str, str]:
    """The given environment over the environment of the internal process, if an `up` runs in `folder`."""
    running = Installation(folder).running()
    return (running.internal_environment if running else {}) | dict(given)


async def _verify(dsn: str, environment: Mapping[str, str], anchors: Iterable[Place]) -> int:
    reading = Reading(environment)
    keys = reading.required(variables.AUDIT_KEYS)
    reading.finish()
    async with connect(dsn) as connection:
        found = await verify_trail(connection, keys, anchors, say=print, note=print)
    print(f"{found} findings" if found else "No findings: every row is as it was sealed")
    return 1 if found else 0


async def _export(dsn: str, since: datetime | None, until: datetime | None) -> int:
    after: AuditCursor | None = None
    async with connect(dsn) as connection:
        while rows := await walk_audit_rows(connection, since, until, after, PAGE):
            _print(rows)
            after = AuditCursor(rows[-1].row.occurred_at, rows[-1].row.audit_id)
    return 0


async def _tail(dsn: str, number: int, *, follows: bool) -> int:
    async with connect(dsn) as connection:
        page = await list_audit_rows(connection, AuditFilter(), None, number)
        _print(reversed(page.rows))
        if follows:
            await _follow(connection, sorted(listed.row.audit_id for listed in page.rows))
    return 0


async def _follow(connection: asyncpg.Connection, printed: list[int]) -> None:
    """Prints each row once, even a row that commits after rows with higher ids. Ends when it is cancelled."""
    loop = asyncio.get_running_loop()
    unseen = UnseenIds(printed[0] - 1 if printed else 0).after(printed, loop.time())
    while True:
        rows = await read_unseen_rows(connection, unseen, PAGE)
        _print(ListedAuditRow(audit_row(row), row["seq"]) for row in rows)
        unseen = unseen.after([row["audit_id"] for row in rows], loop.time())
        if len(rows) < PAGE:
            await asyncio.sleep(LOOK)


def _print(rows: Iterable[ListedAuditRow]) -> None:
    sys.stdout.write(encode_audit_lines(list(rows)).decode())
    sys.stdout.flush()


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > _MAX_ROWS:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {_MAX_ROWS}")
    return int(text)


def _anchor(text: str) -> Place:
    match = re.fullmatch(r"([1-9][0-9]{0,17}):([0-9a-fA-F]{64})", text)
    if match is None:
        raise argparse.ArgumentTypeError("the number of a seal, a colon, and its MAC in hexadecimal")
    return Place(int(match[1]), bytes.fromhex(match[2]))


def _instant(text: str) -> datetime:
    try:
        return decode_instant(text, "it")
    except Refusal as refusal:
        raise argparse.ArgumentTypeError(refusal.message) from None
