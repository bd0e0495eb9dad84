"""Operators see and change pools, join tokens, nodes and their registration (SPEC §16.1, §16.8)."""

from base64 import b64encode
from typing import Any

import httpx
import pytest

from services.internal_admin.callers.identity import Scope
from services.internal_admin.nodes.domain import MAX_POOLS
from tests.support.api_tokens import make_token
from tests.support.control_plane import ControlPlane
from tests.support.nodes import Node, joined, make_node, new_join_string, with_new_keys
from tests.support.retention import Sweep
from tests.support.world import World

NODES = "/api/control-plane/nodes"
POOLS = "/api/control-plane/node-pools"
TOKENS = "/api/control-plane/node-join-tokens"
CAUSE = {"reason_code": "stolen", "actor": {"type": "admin", "id": "admin-1"}}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def registration(node: Node) -> dict[str, Any]:
    return {
        "pool": node.pool,
        "node_name": node.node_name,
        "node_public_key": b64encode(node.keys.public_key).decode(),
        "node_encryption_key": b64encode(node.keys.encryption_key).decode(),
    }


def seen(world: World, node: Node, seconds: int) -> None:
    world.database.execute(
        "insert into node_states (node_id, last_seen_at) values ($1, clock_now() - make_interval(secs => $2))",
        node.node_id,
        seconds,
    )


def test_a_registered_node_is_active_and_no_secret_was_copied(plane: ControlPlane, operator: str) -> None:
    node = Node(pool="registered")
    answer = plane.post(NODES, registration(node), token=operator)
    again = plane.post(NODES, registration(node), token=operator)
    assert answer.json() == again.json()
    shown = answer.json()["node"]
    assert (shown["status"], shown["pool"]) == ("active", "registered")
    known = Node(shown["node_id"], node.pool, node.node_name, node.key, node.encryption_key)
    assert known.change_key(plane, with_new_keys(known)).status_code == 200


def test_a_registration_gets_no_taken_name_and_no_taken_key(plane: ControlPlane, operator: str) -> None:
    node = joined(plane, operator)
    namesake = Node(node_name=node.node_name)
    assert code_of(plane.post(NODES, registration(namesake), token=operator)) == (409, "node_name_taken")
    thief = registration(node) | {"node_name": "other"}
    assert code_of(plane.post(NODES, thief, token=operator)) == (400, "invalid_node_key")
    assert code_of(plane.post(NODES, registration(node), token=operator)) == (400, "invalid_node_key")


def test_the_next_request_of_a_revoked_node_is_refused(world: World, plane: ControlPlane, operator: str) -> None:
    node = joined(plane, operator)
    assert plane.post(f"{NODES}/{node.node_id}/revoke", CAUSE, token=operator).json()["outcome"] == "revoked"
    assert code_of(node.change_key(plane, with_new_keys(node))) == (401, "node_revoked")
    again = plane.post(f"{NODES}/{node.node_id}/revoke", CAUSE, token=operator).json()
    assert again == {"outcome": "already_revoked", "node_id": node.node_id}
    shown = plane.get(f"{NODES}/{node.node_id}", token=operator).json()["node"]
    assert (shown["revoke_reason_code"], shown["revoke_actor"]) == ("stolen", {"type": "admin", "id": "admin-1"})
    (row,) = world.database.execute(
        "select reason_code, actor_id from audit_events where subject = $1 and outcome = 'revoked'", node.node_id
    )
    assert tuple(row) == ("stolen", "admin-1")


@pytest.mark.parametrize(
    ("seconds", "liveness"), [(1, "online"), (85, "online"), (95, "late"), (590, "late"), (610, "gone")]
)
def test_liveness_comes_from_the_last_sight(
    world: World, plane: ControlPlane, operator: str, seconds: int, liveness: str
) -> None:
    node = make_node(world.database, pool=f"seen-{seconds}")
    seen(world, node, seconds)
    (shown,) = plane.get(NODES, token=operator, pool=node.pool, liveness=liveness).json()["nodes"]
    assert (shown["node_id"], shown["liveness"]) == (node.node_id, liveness)
    others = {"online", "late", "gone"} - {liveness}
    for other in others:
        assert plane.get(NODES, token=operator, pool=node.pool, liveness=other).json() == {"nodes": []}


def test_nodes_are_paged_newest_first_and_filtered(world: World, plane: ControlPlane, operator: str) -> None:
    nodes = [make_node(world.database, status, pool="paged") for status in ("active", "pending", "revoked", "active")]
    newest_first = sorted((node.node_id for node in nodes), reverse=True)
    found: list[str] = []
    query: dict[str, Any] = {"pool": "paged", "limit": 3}
    while True:
        page = plane.get(NODES, token=operator, **query).json()
        found += [node["node_id"] for node in page["nodes"]]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert found == newest_first
    (pending,) = plane.get(NODES, token=operator, pool="paged", state="pending").json()["nodes"]
    assert pending["node_id"] == nodes[1].node_id
    assert code_of(plane.get(NODES, token=operator, pool="nowhere")) == (404, "pool_not_found")
    assert {"pool": "paged", "nodes": 3}.items() <= next(
        each for each in plane.get(POOLS, token=operator).json()["pools"] if each["pool"] == "paged"
    ).items()


def test_there_are_a_hundred_pools_and_no_more(world: World, plane: ControlPlane, operator: str) -> None:
    world.database.execute(
        "delete from node_join_tokens; delete from node_states; delete from node_keys; delete from nodes;"
    )
    world.database.execute("delete from node_pools")
    for number in range(MAX_POOLS):
        world.database.execute("insert into node_pools values ($1, clock_now())", f"pool-{number}")
    assert plane.call("PUT", f"{POOLS}/pool-7", token=operator).json()["outcome"] == "unchanged"
    for refused in (
        plane.call("PUT", f"{POOLS}/one-more", token=operator),
        plane.post(TOKENS, {"pool": "one-more"}, token=operator),
        plane.post(NODES, registration(Node(pool="one-more")), token=operator),
    ):
        assert code_of(refused) == (409, "limit_reached")
    assert plane.post(TOKENS, {"pool": "pool-7"}, token=operator).status_code == 200
    world.database.execute("delete from node_join_tokens; delete from node_pools;")


def test_join_tokens_are_listed_with_their_ends_and_without_secrets(plane: ControlPlane, operator: str) -> None:
    spent, revoked = new_join_string(plane, operator), new_join_string(plane, operator)
    Node().join(plane, spent)
    token_id = revoked.removeprefix("authsession_join_").partition(".")[0]
    plane.delete(f"{TOKENS}/{token_id}", token=operator)
    answer = plane.get(TOKENS, token=operator, limit=2)
    assert [token["status"] for token in answer.json()["join_tokens"]] == ["revoked", "spent"]
    assert spent.split(".")[1] not in answer.text
    assert code_of(plane.delete(f"{TOKENS}/join-token-nobody", token=operator)) == (404, "join_token_not_found")


def test_join_tokens_go_seven_days_after_their_end(world: World, plane: ControlPlane, operator: str) -> None:
    ids = [new_join_string(plane, operator).removeprefix("authsession_join_").partition(".")[0] for _ in range(2)]
    for token_id, age in zip(ids, ("6 days 23 hours", "7 days 1 hour"), strict=True):
        world.database.execute(
            "update node_join_tokens set created_at = clock_now() - interval '9 days',"
            " expires_at = clock_now() - $2::text::interval where join_token_id = $1",
            token_id,
            age,
        )
    Sweep(world)()
    left = world.database.execute("select join_token_id from node_join_tokens where join_token_id = any ($1)", ids)
    assert [row["join_token_id"] for row in left] == ids[:1]


def test_a_scope_that_reads_changes_nothing(world: World, plane: ControlPlane) -> None:
    reader = make_token(world, [Scope.NODES_READ]).secret
    assert plane.get(NODES, token=reader).status_code == 200
    assert code_of(plane.post(TOKENS, {"pool": "edge"}, token=reader)) == (403, "forbidden")
    assert code_of(plane.post(f"{NODES}/node-1/revoke", CAUSE, token=reader)) == (403, "forbidden")
