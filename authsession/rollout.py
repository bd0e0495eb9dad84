"""`authsession nodes rollout`: which node of a pool has which configuration, from a terminal (SPEC §16.5)."""

import sys

from authsession.database import connect
from authsession.spelling import typed
from authsession.tables import instant, print_json, print_table
from contracts.control_plane.rollout import STATES, encode_rollout
from contracts.node.manifest import Position
from services.internal_admin.callers.page import Page
from services.internal_admin.node_config import store
from services.internal_admin.node_config.api import rollout_answer
from services.internal_admin.node_config.domain.rollout import NodeInPool, NodeRollout, count_states, rollout_of
from services.internal_admin.node_config.rollout import PoolRollout

_PAGE = 1000


async def show_rollout(dsn: str, pool: str, *, as_json: bool) -> int:
    """Prints the pool's position, its counts and its nodes. The exit status: 1 for an unknown pool, else 0."""
    found = await _read(dsn, pool)
    if found is None:
        print(f"authsession: there is no pool {pool}; `{typed('nodes pools')}` prints them", file=sys.stderr)
        return 1
    if as_json:
        print_json(encode_rollout(rollout_answer(found)))
    else:
        print(_summary(found))
        rows = [_row(each, found.head.newest.position) for each in found.page.items]
        print_table(("NODE", "NAME", "STATE", "SINCE", "APPLIED"), rows, [_reason(each) for each in found.page.items])
    return 0


async def _read(dsn: str, pool: str) -> PoolRollout | None:
    nodes: list[NodeRollout] = []
    page: Page[NodeInPool] = Page((), has_more=True)
    async with connect(dsn) as connection:
        read = await store.read_head(connection, pool)
        if read is None:
            return None
        head, now = read
        while page.has_more:
            after = page.items[-1].node_id if page.items else ""
            page = await store.list_nodes(connection, pool, after, _PAGE)
            nodes += [rollout_of(node, head, now) for node in page.items]
    return PoolRollout(head, count_states(nodes), Page(tuple(nodes), has_more=False))


def _summary(found: PoolRollout) -> str:
    """The pool's newest configuration, and how many nodes are in each state."""
    head, counts = found.head, found.counts
    told = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state]) or "no nodes"
    if head.activated_at is None:
        return f"{head.pool}: nothing was ever activated; {told}"
    halted = f", halted at {instant(head.halted_at)}" if head.halted_at else ""
    staged = f", staged at {head.percent} %{halted}" if head.is_staged else ""
    return f"{head.pool} {_text(head.newest.position)} of {instant(head.activated_at)}{staged}: {told}"


def _row(found: NodeRollout, newest: Position) -> tuple[str | None, ...]:
    node = found.node
    return (node.node_id, node.node_name, found.state, instant(found.since), _applied(node.applied.position, newest))


def _reason(found: NodeRollout) -> str | None:
    error = found.error
    return None if error is None else f"{error.document + ': ' if error.document else ''}{error.message}"


def _applied(position: Position, newest: Position) -> str | None:
    """The sequence, and the epoch if it is not that of the pool."""
    if position == (0, 0):
        return None
    return str(position.sequence) if position.epoch == newest.epoch else f"{position.epoch}/{position.sequence}"


def _text(position: Position) -> str:
    return f"epoch {position.epoch} sequence {position.sequence}"
