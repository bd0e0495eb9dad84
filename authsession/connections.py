"""`authsession connections …`: accepted connections from a terminal, as the schema's owner (SPEC §18.1, §18.2).

The command line calls no far end and changes nothing: a connection is written and verified over the API, by the process
that uses it.
"""

import argparse
import sys

from authsession.database import connect
from authsession.event_loop import run_async
from authsession.spelling import typed
from authsession.tables import add_json, instant, print_json, print_table
from contracts.control_plane.connection_health import encode_health
from contracts.control_plane.connections import (
    ConnectionAnswer,
    encode_catalogue,
    encode_connection,
    encode_connections,
)
from services.internal_admin.connection_health.store import read_health
from services.internal_admin.connections import listing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `connections`."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("catalog", help="print the kinds of connections, as JSON")
    add_json(actions.add_parser("list", help="print connections with their last verification"))
    shown = actions.add_parser("show", help="print one connection without its secrets, as JSON")
    shown.add_argument("name", help="the name that `connections list` prints")
    health = actions.add_parser("health", help="print the status of one connection and its last probes")
    add_json(health)
    health.add_argument("name", help="the name that `connections list` prints")


def run(parsed: argparse.Namespace, dsn: str) -> int:
    """The exit status: 1 for an unknown connection, else 0."""
    match parsed.action:
        case "catalog":
            print_json(encode_catalogue())
            return 0
        case "list":
            return run_async(_list(dsn, as_json=parsed.json))
        case "health":
            return run_async(_health(dsn, parsed.name, as_json=parsed.json))
        case _:
            return run_async(_show(dsn, parsed.name))


async def _list(dsn: str, *, as_json: bool) -> int:
    async with connect(dsn) as connection:
        found = await listing.list_connections(connection)
    if as_json:
        print_json(encode_connections(found))
    else:
        print_table(("NAME", "KIND", "REVISION", "LAST RESULT", "CHECKED", "CANDIDATE"), [_row(each) for each in found])
    return 0


def _row(connection: ConnectionAnswer) -> tuple[str | None, ...]:
    """The accepted revision, and why the candidate was refused."""
    accepted, candidate = connection.accepted, connection.candidate
    revision = None if accepted is None else str(accepted.revision)
    checked, tried = (None if each is None else each.verification for each in (accepted, candidate))
    last = (None, None) if checked is None else (checked.result, instant(checked.checked_at))
    return (connection.name, connection.kind, revision, *last, None if tried is None else tried.result)


async def _show(dsn: str, name: str) -> int:
    async with connect(dsn) as connection:
        found = await listing.list_connections(connection, name)
    if not found:
        return _unknown(name)
    print_json(encode_connection(found[0]))
    return 0


async def _health(dsn: str, name: str, *, as_json: bool) -> int:
    async with connect(dsn) as connection:
        health = await read_health(connection, name)
    if health is None:
        return _unknown(name)
    if as_json:
        print_json(encode_health(health))
    else:
        print(f"{name} is {health.status} since {instant(health.since)}")
        rows = [(instant(each.checked_at), each.result, f"{each.duration_ms} ms") for each in health.snapshots]
        print_table(("CHECKED", "RESULT", "DURATION"), rows)
    return 0


def _unknown(name: str) -> int:
    print(f"authsession: there is no connection {name}: `{typed('connections list')}` prints them", file=sys.stderr)
    return 1
