"""`authsession nodes …`: nodes and their rollout from a terminal, as the schema's owner (SPEC §16.1, §16.5)."""

import argparse
import sys
from typing import get_args

from authsession.attribution import COMMAND_LINE, person
from authsession.confirmation import add_yes, is_confirmed
from authsession.database import connect
from authsession.event_loop import run_async
from authsession.join_token import name
from authsession.rollout import show_rollout
from authsession.spelling import typed
from authsession.tables import add_json, instant, print_json, print_table
from contracts.control_plane.nodes import (
    ListNodesQuery,
    Liveness,
    Node,
    PageQuery,
    encode_node_page,
    encode_nodes,
    encode_pools,
)
from contracts.errors import ErrorCode
from contracts.node.join import NodeStatus
from services.internal_admin.callers.identity import Cause
from services.internal_admin.node_access.store import revoke_node
from services.internal_admin.nodes.domain import ChangeOf, Refused
from services.internal_admin.nodes.store import joining, listing, tokens

_PAGE = 1000
_REASON_CODE = "command_line_revoke"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `nodes`."""
    actions = parser.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", help="print nodes, newest first")
    listed.add_argument("--pool", type=name, help="only nodes of this pool")
    listed.add_argument("--state", choices=get_args(NodeStatus), help="only nodes with this status")
    listed.add_argument("--liveness", choices=get_args(Liveness), help="only nodes with this liveness")
    add_json(listed)
    shown = actions.add_parser("show", help="print all that is known of one node, as JSON")
    approved = actions.add_parser("approve", help="let a node in that waits for approval")
    revoked = actions.add_parser("revoke", help="revoke a node for good: its next request is refused")
    for one in (shown, approved, revoked):
        one.add_argument("node_id", help="the id that `nodes list` prints")
    add_yes(revoked)
    rolled = actions.add_parser("rollout", help="print which node of a pool has which configuration, and why not")
    rolled.add_argument("--pool", type=name, required=True, help="the pool")
    add_json(rolled)
    add_json(actions.add_parser("pools", help="print the pools, and how many nodes each has"))


def run(parsed: argparse.Namespace, dsn: str) -> int:
    """The exit status: 1 for an unknown node or pool, or a revocation that is not confirmed; else 0."""
    match parsed.action:
        case "list":
            return run_async(_list(dsn, parsed.pool, parsed.state, parsed.liveness, as_json=parsed.json))
        case "show":
            return run_async(_show(dsn, parsed.node_id))
        case "approve":
            return run_async(_approve(dsn, parsed.node_id))
        case "rollout":
            return run_async(show_rollout(dsn, parsed.pool, as_json=parsed.json))
        case "pools":
            return run_async(_pools(dsn, as_json=parsed.json))
        case _:
            consequence = f"This revokes the node {parsed.node_id} for good: it can only join anew, with new keys"
            return run_async(_revoke(dsn, parsed.node_id)) if is_confirmed(consequence, yes=parsed.yes) else 1


async def _list(
    dsn: str, pool: str | None, status: NodeStatus | None, liveness: Liveness | None, *, as_json: bool
) -> int:
    found, after = list[Node](), None
    async with connect(dsn) as connection:
        while True:
            page = await listing.list_nodes(connection, ListNodesQuery(PageQuery(_PAGE, after), pool, status, liveness))
            if page is None:
                print(f"authsession: there is no pool {pool}; `{typed('nodes pools')}` prints them", file=sys.stderr)
                return 1
            found += page.items
            if not page.has_more:
                break
            after = page.items[-1].node_id
    if as_json:
        print_json(encode_nodes(found, None))
    else:
        rows = [_row(each) for each in found]
        print_table(("NODE", "POOL", "NAME", "STATE", "LIVENESS", "LAST SEEN"), rows)
    return 0


def _row(node: Node) -> tuple[str | None, ...]:
    return (node.node_id, node.pool, node.node_name, node.status, node.liveness, instant(node.last_seen_at))


async def _show(dsn: str, node_id: str) -> int:
    async with connect(dsn) as connection:
        page = await listing.read_node_page(connection, node_id)
    if page is None:
        return _unknown(node_id)
    print_json(encode_node_page(page))
    return 0


async def _approve(dsn: str, node_id: str) -> int:
    async with connect(dsn) as connection:
        outcome = await joining.approve_node(connection, ChangeOf(node_id, COMMAND_LINE, person()))
    if isinstance(outcome, Refused):
        if outcome.code is ErrorCode.NODE_NOT_FOUND:
            return _unknown(node_id)
        print(f"authsession: {outcome.message or outcome.name}", file=sys.stderr)
        return 1
    print(f"{node_id} {'is approved' if outcome == 'approved' else 'was already approved'}")
    return 0


async def _revoke(dsn: str, node_id: str) -> int:
    async with connect(dsn) as connection:
        outcome = await revoke_node(connection, node_id, Cause(_REASON_CODE, person(), COMMAND_LINE))
    if outcome is None:
        return _unknown(node_id)
    print(f"{node_id} {'is revoked' if outcome == 'revoked' else 'was already revoked'}")
    return 0


async def _pools(dsn: str, *, as_json: bool) -> int:
    async with connect(dsn) as connection:
        pools = await tokens.list_pools(connection)
    if as_json:
        print_json(encode_pools(pools))
    else:
        print_table(
            ("POOL", "NODES", "CREATED"), [(each.pool, str(each.nodes), instant(each.created_at)) for each in pools]
        )
    return 0


def _unknown(node_id: str) -> int:
    print(f"authsession: there is no node {node_id}; `{typed('nodes list')}` prints them", file=sys.stderr)
    return 1
