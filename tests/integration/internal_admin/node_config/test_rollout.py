"""The rollout as operators see it, a restored database, and the metrics (SPEC §16.5)."""

from typing import Any

from contracts.node.manifest import Position
from contracts.node.status import ConfigError, ConfigOutcome, Status
from tests.support.builders import unique
from tests.support.node_api import NodeApi, answer_of, refused_with
from tests.support.nodes import Node, make_node
from tests.support.published import Activated, activate
from tests.support.world import World

BOOT = "boot-of-a-process"
ERROR = ConfigError("apply_failed", "port 80 is taken", "gateway_config/edge")


def applied(head: Activated) -> Status:
    return Status(BOOT, ConfigOutcome(head.position, head.digest, "applied"))


def states(rollout: dict[str, Any]) -> dict[str, int]:
    return {state: count for state, count in rollout["nodes"].items() if count}


def test_a_node_goes_from_not_sent_to_synced(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    assert states(api.rollout(node.pool)) == {"not_sent": 1}
    api.polled(node)
    assert states(api.rollout(node.pool)) == {"pending": 1}
    api.status(node, applied(head))
    rollout = api.rollout(node.pool)
    assert (rollout["epoch"], rollout["sequence"]) == head.position
    assert rollout["activated_at"].endswith("Z")
    (item,) = rollout["items"]
    assert (item["node_id"], item["node_name"], item["state"]) == (node.node_id, node.node_name, "synced")
    assert item["applied_sequence"] == item["offered_sequence"] == head.position.sequence
    activate(world.database, node.pool)
    assert states(api.rollout(node.pool)) == {"not_sent": 1}


def test_a_rejection_is_shown_with_its_document_and_message(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    api.polled(node)
    api.status(node, Status(BOOT, ConfigOutcome(head.position, head.digest, "rejected", ERROR)))
    (item,) = api.rollout(node.pool)["items"]
    assert item["state"] == "rejected"
    assert item["error"] == {"code": ERROR.code, "message": ERROR.message, "document": ERROR.document}


def test_a_restored_database_shows_nodes_ahead_and_a_new_epoch_heals(world: World, api: NodeApi, node: Node) -> None:
    """The database is restored to sequence 7, while the node has sequence 9."""
    old = activate(world.database, node.pool, position=Position(1000, 7))
    lost = Activated(node.pool, Position(1000, 9), "9" * 64, old.signed, {})
    api.status(node, applied(lost))
    assert states(api.rollout(node.pool)) == {"ahead": 1}
    polled = api.polled(node, have=lost.digest, rejected=old.digest, wait=1)
    assert (polled.statement.position, polled.manifest) == (old.position, None)
    held = api.begin_poll(node, have=lost.digest, rejected=old.digest, wait=50)
    healed = activate(world.database, node.pool, position=Position(2000, 1))
    assert answer_of(held.result(20)).statement.position == healed.position
    api.status(node, applied(healed))
    assert states(api.rollout(node.pool)) == {"synced": 1}


def test_revoked_and_pending_nodes_are_no_part_of_the_rollout(world: World, api: NodeApi, node: Node) -> None:
    for status in ("revoked", "pending"):
        make_node(world.database, status, pool=node.pool)
    assert states(api.rollout(node.pool)) == {"synced": 1}


def test_pages_have_every_node_once(world: World, api: NodeApi, node: Node) -> None:
    nodes = [node, *(make_node(world.database, pool=node.pool) for _ in range(4))]
    found: list[str] = []
    query = "&limit=2"
    while query:
        page = api.rollout(node.pool, query)
        assert sum(page["nodes"].values()) == 5
        found += [item["node_id"] for item in page["items"]]
        query = f"&limit=2&cursor={page['next_cursor']}" if "next_cursor" in page else ""
    assert found == sorted(each.node_id for each in nodes)


def test_an_unknown_pool_is_not_found(api: NodeApi) -> None:
    path = "/api/control-plane/nodes/rollout"
    assert refused_with(api.get(f"{path}?pool={unique('pool-')}")) == (404, "pool_not_found")
    assert refused_with(api.get(path)) == (400, "invalid_request")
    assert refused_with(api.get(f"{path}?pool=edge&cursor=e")) == (400, "invalid_request")


def test_the_worker_counts_every_pool(world: World, api: NodeApi, node: Node) -> None:
    activate(world.database, node.pool)
    assert api.work("node rollout") == 0


def test_nodes_that_report_the_largest_counts_do_not_stop_the_metrics(world: World, api: NodeApi, node: Node) -> None:
    """Their sum has more than 64 bits."""
    world.database.execute(
        "insert into nodes (node_id, pool, node_name, status, created_at)"
        " select $1 || '-' || place, $2, 'liar-' || place, 'active', clock_now() from generate_series(1, 1100) place",
        node.node_id, node.pool,
    )  # fmt: skip
    world.database.execute(
        "insert into node_states (node_id, last_seen_at, status_at_ms, report)"
        " select node_id, clock_now(), 1, '{\"sessions_cached\": 9007199254740991}' from nodes"
        "  where pool = $1 and node_name like 'liar-%'",
        node.pool,
    )
    try:
        assert api.work("node rollout") == 0
    finally:
        world.database.execute("delete from node_states where node_id like $1 || '-%'", node.node_id)
        world.database.execute("delete from nodes where node_id like $1 || '-%'", node.node_id)
