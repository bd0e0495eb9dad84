"""Laws of a node's key change and of races over nodes, behind a barrier (SPEC §16.1)."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import httpx
import pytest

from contracts.node.names import KEY_PATH
from tests.support.control_plane import ControlPlane
from tests.support.nodes import Node, joined, new_join_string, with_new_keys
from tests.support.settings import set_settings
from tests.support.world import World

NODES = "/api/control-plane/nodes"
TOKENS = "/api/control-plane/node-join-tokens"
CAUSE = {"reason_code": "test", "actor": {"type": "admin"}}
ROUNDS = 8

Call = Callable[[], httpx.Response]


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def at_once(*calls: Call) -> list[httpx.Response]:
    """The answers to these calls, which one barrier releases."""
    barrier = threading.Barrier(len(calls))

    def run(call: Call) -> httpx.Response:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def generations(plane: ControlPlane, operator: str, node: Node) -> list[int]:
    return [key["generation"] for key in plane.get(f"{NODES}/{node.node_id}", token=operator).json()["keys"]]


@pytest.fixture
def node(plane: ControlPlane, operator: str) -> Node:
    return joined(plane, operator)


def test_a_replaced_key_signs_for_ten_minutes_more(
    world: World, plane: ControlPlane, operator: str, node: Node
) -> None:
    new = with_new_keys(node)
    assert node.change_key(plane, new).json()["node"]["node_id"] == node.node_id
    assert generations(plane, operator, node) == [2, 1]
    # An exact repeat by either key changes nothing, since the answer may have been lost.
    assert node.change_key(plane, new).status_code == 200
    assert new.change_key(plane, new).status_code == 200
    assert generations(plane, operator, node) == [2, 1]
    world.database.execute(
        "update node_keys set valid_until = valid_until - interval '10 minutes' where node_id = $1 and generation = 1",
        node.node_id,
    )
    assert code_of(node.change_key(plane, new)) == (401, "invalid_signature")


def test_a_replaced_key_cannot_take_the_node_over(plane: ControlPlane, operator: str, node: Node) -> None:
    node.change_key(plane, with_new_keys(node))
    refused = node.change_key(plane, with_new_keys(node))
    assert code_of(refused) == (401, "invalid_signature")
    assert refused.headers["www-authenticate"] == "Galaxy-Request-V1"
    assert generations(plane, operator, node) == [2, 1]


def test_a_second_change_ends_the_first_key_at_once(plane: ControlPlane, node: Node) -> None:
    second, third = with_new_keys(node), with_new_keys(node)
    assert node.change_key(plane, second).status_code == 200
    assert second.change_key(plane, third).status_code == 200
    assert code_of(node.change_key(plane, third)) == (401, "invalid_signature")
    assert second.change_key(plane, third).status_code == 200


def test_a_key_of_any_node_is_no_new_key(plane: ControlPlane, operator: str, node: Node) -> None:
    other = joined(plane, operator)
    taken = replace(other, node_id=node.node_id)
    assert code_of(node.change_key(plane, taken)) == (400, "invalid_node_key")
    new = with_new_keys(node)
    node.change_key(plane, new)
    assert code_of(new.change_key(plane, node)) == (400, "invalid_node_key")


def test_a_new_key_proves_itself(plane: ControlPlane, operator: str, node: Node) -> None:
    new, other = with_new_keys(node), joined(plane, operator)
    for proof in (new.proof_for(other.node_id), node.proof_for(node.node_id)):
        body = json.dumps(json.loads(new.key_change_body()) | {"proof": proof}).encode()
        answer = plane.send("POST", KEY_PATH, body, node.headers("POST", KEY_PATH, body))
        assert code_of(answer) == (400, "invalid_node_key")
    assert generations(plane, operator, node) == [1]


def test_of_two_key_changes_at_once_one_wins(plane: ControlPlane, operator: str) -> None:
    for _ in range(ROUNDS):
        node = joined(plane, operator)
        rivals = [with_new_keys(node) for _ in range(4)]
        answers = at_once(*(partial(node.change_key, plane, new) for new in rivals))
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses == {200: 1, 401: 3}
        assert generations(plane, operator, node) == [2, 1]


def test_two_that_want_one_key_at_once_do_not_both_get_it(plane: ControlPlane, operator: str) -> None:
    for _ in range(ROUNDS):
        node, stranger = joined(plane, operator), Node()
        secret = new_join_string(plane, operator)
        wanted = replace(stranger, node_id=node.node_id)
        answers = at_once(partial(node.change_key, plane, wanted), partial(stranger.join, plane, secret))
        assert sorted(answer.status_code for answer in answers) == [200, 400]


def test_one_name_goes_to_one_of_many_at_once(plane: ControlPlane, operator: str) -> None:
    for number in range(ROUNDS):
        secret = new_join_string(plane, operator, uses=6)
        rivals = [Node(node_name=f"wanted-{number}") for _ in range(6)]
        answers = at_once(*(partial(each.join, plane, secret) for each in rivals))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 5}
        (token,) = plane.get(TOKENS, token=operator, limit=1).json()["join_tokens"]
        assert token["uses_left"] == 5


def test_a_revocation_of_the_token_and_a_join_at_once_leave_a_clear_result(
    world: World, plane: ControlPlane, operator: str
) -> None:
    for _ in range(ROUNDS):
        secret, node = new_join_string(plane, operator), Node()
        token_id = secret.removeprefix("authsession_join_").partition(".")[0]
        join, ended = at_once(
            partial(node.join, plane, secret), partial(plane.delete, f"{TOKENS}/{token_id}", token=operator)
        )
        assert ended.json()["outcome"] == "revoked"
        (row,) = world.database.execute(
            "select uses_left, (select count(*) from nodes where join_token_id = $1) as nodes from node_join_tokens"
            " where join_token_id = $1",
            token_id,
        )
        assert tuple(row) == ((0, 1) if join.status_code == 200 else (1, 0))


def test_a_revocation_and_an_approval_at_once_leave_the_node_revoked(
    world: World, plane: ControlPlane, operator: str
) -> None:
    world.call(set_settings, world, node_join_approval="on")
    for _ in range(ROUNDS):
        node = joined(plane, operator)
        path = f"{NODES}/{node.node_id}"
        approved, revoked = at_once(
            partial(plane.post, f"{path}/approve", token=operator),
            partial(plane.post, f"{path}/revoke", CAUSE, token=operator),
        )
        assert (approved.status_code, revoked.json()["outcome"]) in {(200, "revoked"), (409, "revoked")}
        assert plane.get(path, token=operator).json()["node"]["status"] == "revoked"


def test_a_revocation_and_a_key_change_at_once_leave_no_way_in(plane: ControlPlane, operator: str) -> None:
    for _ in range(ROUNDS):
        node = joined(plane, operator)
        new = with_new_keys(node)
        at_once(
            partial(node.change_key, plane, new),
            partial(plane.post, f"{NODES}/{node.node_id}/revoke", CAUSE, token=operator),
        )
        for key in (node, new):
            assert code_of(key.change_key(plane, with_new_keys(node))) == (401, "node_revoked")
