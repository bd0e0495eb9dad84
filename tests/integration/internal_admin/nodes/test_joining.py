"""Laws of joining: one use is one node, a lost answer costs nothing, and refusals tell nothing (SPEC §16.1)."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from contracts.node.join import (
    NodeKeys,
    decode_join_answer,
    encode_join,
    fingerprint_of,
    join_proof_message,
    parse_join_string,
)
from contracts.node.names import JOIN_PATH
from shared.kernel.config_keys import NO_CONFIG_KEYS
from tests.support.control_plane import CONFIG_KEYS, ControlPlane, open_control_plane
from tests.support.nodes import Node, joined, new_join_string, with_new_keys
from tests.support.settings import set_settings
from tests.support.world import World

TOKENS = "/api/control-plane/node-join-tokens"
NODES = "/api/control-plane/nodes"
CAUSE = {"reason_code": "test", "actor": {"type": "admin"}}

Rows = Callable[[], list[tuple[Any, ...]]]


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def token_id_of(join_string: str) -> str:
    parsed = parse_join_string(join_string)
    assert parsed is not None
    return parsed.join_token_id


def uses_left(world: World, join_string: str) -> int:
    (row,) = world.database.execute(
        "select uses_left from node_join_tokens where join_token_id = $1", token_id_of(join_string)
    )
    return row["uses_left"]


def count_nodes(world: World, join_string: str) -> int:
    (row,) = world.database.execute("select count(*) from nodes where join_token_id = $1", token_id_of(join_string))
    return row["count"]


def test_a_node_joins_and_learns_whom_to_trust(plane: ControlPlane, operator: str, rows: Rows) -> None:
    secret, node = new_join_string(plane, operator), Node()
    answer = node.join(plane, secret, "example-gateway/1.2")
    told = decode_join_answer(answer.content)
    assert (told.node.pool, told.node.node_name, told.node.status) == ("edge", node.node_name, "active")
    assert told.config_keys == CONFIG_KEYS.public_keys()
    parsed = parse_join_string(secret)
    assert parsed is not None
    assert parsed.fingerprint == fingerprint_of(told.config_keys[0].public_key)
    assert abs(told.server_time_ms / 1000 - time.time()) < 60
    assert rows()[-1] == ("security.join_node", "joined", parsed.join_token_id, told.node.node_id)
    shown = plane.get(f"{NODES}/{told.node.node_id}", token=operator).json()
    assert shown["node"]["software"] == "example-gateway/1.2"
    assert shown["node"]["liveness"] == "gone"
    assert [key["generation"] for key in shown["keys"]] == [1]


def test_fifty_joins_at_once_with_one_use_make_one_node(world: World, plane: ControlPlane, operator: str) -> None:
    """The one that joined may repeat its join, and gets the same id."""
    secret, nodes = new_join_string(plane, operator), [Node() for _ in range(50)]
    barrier = threading.Barrier(50)

    def join(node: Node) -> httpx.Response:
        barrier.wait()
        return node.join(plane, secret)

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(join, nodes))
    (winner,) = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    refused = [code_of(answer) for number, answer in enumerate(answers) if number != winner]
    assert refused == [(401, "invalid_join_token")] * 49
    assert count_nodes(world, secret) == 1
    assert uses_left(world, secret) == 0
    assert nodes[winner].join(plane, secret).json()["node"] == answers[winner].json()["node"]
    assert code_of(nodes[winner - 1].join(plane, secret)) == (401, "invalid_join_token")


def test_a_join_whose_answer_was_lost_is_repeated_without_a_use(
    world: World, plane: ControlPlane, operator: str, rows: Rows
) -> None:
    secret, node = new_join_string(plane, operator, uses=3), Node()
    body = node.join_body(secret)
    first = plane.send("POST", JOIN_PATH, body, {})
    again = plane.send("POST", JOIN_PATH, body, {})
    assert first.json()["node"] == again.json()["node"]
    assert uses_left(world, secret) == 2
    assert [row[1] for row in rows()[-2:]] == ["joined", "repeated"]


def test_equal_joins_at_once_are_one_join(world: World, plane: ControlPlane, operator: str) -> None:
    secret, node = new_join_string(plane, operator, uses=5), Node()
    body, barrier = node.join_body(secret), threading.Barrier(12)

    def join(_: int) -> str:
        barrier.wait()
        return plane.send("POST", JOIN_PATH, body, {}).json()["node"]["node_id"]

    with ThreadPoolExecutor(12) as threads:
        assert len(set(threads.map(join, range(12)))) == 1
    assert uses_left(world, secret) == 4


@pytest.mark.parametrize("end", ["spent", "expired", "revoked"])
def test_a_join_may_be_repeated_after_the_end_of_its_token(
    world: World, plane: ControlPlane, operator: str, end: str
) -> None:
    secret, node = new_join_string(plane, operator, uses=1 if end == "spent" else 2), Node()
    first = node.join(plane, secret).json()["node"]
    finish(world, plane, operator, secret, end)
    assert node.join(plane, secret).json()["node"] == first
    changed = [
        with_new_keys(node),
        replace(node, node_name="another-name"),
        replace(node, encryption_key=Node().encryption_key),
    ]
    assert {code_of(each.join(plane, secret)) for each in changed} == {(401, "invalid_join_token")}
    world.database.execute("delete from node_join_tokens where join_token_id = $1", token_id_of(secret))
    assert code_of(node.join(plane, secret)) == (401, "invalid_join_token")


def finish(world: World, plane: ControlPlane, operator: str, secret: str, end: str) -> None:
    """Ends the token in this way. A spent one is spent by a node that nobody uses."""
    if end == "spent" and uses_left(world, secret):
        assert Node().join(plane, secret).status_code == 200
    if end == "expired":
        world.database.execute(
            "update node_join_tokens set created_at = created_at - interval '1 hour', expires_at = clock_now()"
            " where join_token_id = $1",
            token_id_of(secret),
        )
    if end == "revoked":
        assert plane.delete(f"{TOKENS}/{token_id_of(secret)}", token=operator).json()["outcome"] == "revoked"


def test_every_wrong_token_gets_the_same_answer_after_the_same_time(
    world: World, plane: ControlPlane, operator: str, rows: Rows
) -> None:
    ended: list[str] = []
    for end in ("spent", "expired", "revoked"):
        secret = new_join_string(plane, operator)
        finish(world, plane, operator, secret, end)
        ended.append(secret)
    good = new_join_string(plane, operator)
    guessed = good[:-50] + ("A" if good[-50] != "A" else "B") + good[-49:]
    unknown = "authsession_join_join-token-" + "0" * 26 + "." + "A" * 43 + "." + "A" * 22
    answers: list[httpx.Response] = []
    for secret in (*ended, guessed, unknown, "no token at all"):
        began = time.monotonic()
        answers.append(Node().join(plane, secret))
        assert time.monotonic() - began >= 0.3
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert code_of(answers[0]) == (401, "invalid_join_token")
    refused = [row for row in rows() if row[1] == "invalid_join_token"]
    assert [row[2] for row in refused] == [*map(token_id_of, ended), "anonymous", "anonymous", "anonymous"]
    assert uses_left(world, good) == 1


def test_a_taken_name_costs_no_use_and_is_free_after_the_revocation(
    world: World, plane: ControlPlane, operator: str
) -> None:
    first, secret = joined(plane, operator), new_join_string(plane, operator)
    second = Node(node_name=first.node_name)
    assert code_of(second.join(plane, secret)) == (409, "node_name_taken")
    assert uses_left(world, secret) == 1
    elsewhere = joined(plane, operator, node_name=first.node_name, pool="inner")
    assert elsewhere.pool == "inner"
    plane.post(f"{NODES}/{first.node_id}/revoke", CAUSE, token=operator)
    assert second.join(plane, secret).status_code == 200


def test_a_key_belongs_to_one_node_for_ever(plane: ControlPlane, operator: str) -> None:
    first = joined(plane, operator)
    secret = new_join_string(plane, operator, uses=2)
    assert code_of(replace(first, node_name="other").join(plane, secret)) == (400, "invalid_node_key")
    plane.post(f"{NODES}/{first.node_id}/revoke", CAUSE, token=operator)
    assert code_of(first.join(plane, secret)) == (400, "invalid_node_key")


def test_a_revoked_node_that_repeats_its_join_learns_that_it_is_revoked(plane: ControlPlane, operator: str) -> None:
    secret, node = new_join_string(plane, operator), Node()
    node_id = node.join(plane, secret).json()["node"]["node_id"]
    plane.post(f"{NODES}/{node_id}/revoke", CAUSE, token=operator)
    assert code_of(node.join(plane, secret)) == (401, "node_revoked")


def test_a_token_for_a_name_lets_in_no_other(world: World, plane: ControlPlane, operator: str) -> None:
    secret = new_join_string(plane, operator, node_name="gateway-1")
    assert code_of(Node(node_name="gateway-2").join(plane, secret)) == (400, "invalid_request")
    assert uses_left(world, secret) == 1
    assert Node(node_name="gateway-1").join(plane, secret).status_code == 200


LOW_ORDER = 325606250916557431795983626356110631294008115727848805560023387167927233504
WEAK: dict[str, Callable[[NodeKeys], NodeKeys]] = {
    "signing key 0": lambda keys: replace(keys, public_key=bytes(32)),
    "signing key 1": lambda keys: replace(keys, public_key=(1).to_bytes(32, "little")),
    "signing key past the field": lambda keys: replace(keys, public_key=bytes([255] * 32)),
    "encryption key 0": lambda keys: replace(keys, encryption_key=bytes(32)),
    "encryption key of order 8": lambda keys: replace(keys, encryption_key=LOW_ORDER.to_bytes(32, "little")),
}


@pytest.mark.parametrize("weakness", WEAK)
def test_a_key_of_small_order_is_refused(world: World, plane: ControlPlane, operator: str, weakness: str) -> None:
    secret = new_join_string(plane, operator)
    node = Node()
    keys = WEAK[weakness](node.keys)
    proof = node.key.sign(join_proof_message(token_id_of(secret), keys))
    answer = plane.send("POST", JOIN_PATH, encode_join(secret, node.node_name, keys, None, proof), {})
    assert code_of(answer) == (400, "invalid_node_key")
    assert uses_left(world, secret) == 1


def test_a_proof_by_another_key_or_for_another_token_is_refused(
    world: World, plane: ControlPlane, operator: str
) -> None:
    secret, other, node = new_join_string(plane, operator), new_join_string(plane, operator), Node()
    body = json.loads(node.join_body(secret))
    for proof in (json.loads(node.join_body(other))["proof"], json.loads(Node().join_body(secret))["proof"]):
        answer = plane.send("POST", JOIN_PATH, json.dumps({**body, "proof": proof}).encode(), {})
        assert code_of(answer) == (400, "invalid_node_key")
    assert uses_left(world, secret) == 1


def test_a_node_waits_for_its_approval_if_the_setting_says_so(
    world: World, plane: ControlPlane, operator: str, rows: Rows
) -> None:
    world.call(set_settings, world, node_join_approval="on")
    node = joined(plane, operator)
    new = with_new_keys(node)
    waiting = node.change_key(plane, new)
    assert (code_of(waiting), waiting.headers["retry-after"]) == ((403, "node_not_approved"), "30")
    assert plane.get(NODES, token=operator, state="pending").json()["nodes"][0]["node_id"] == node.node_id
    approve = f"{NODES}/{node.node_id}/approve"
    outcomes = [plane.post(approve, token=operator).json()["outcome"] for _ in range(2)]
    assert outcomes == ["approved", "already_approved"]
    assert node.change_key(plane, new).status_code == 200
    told = [(event, outcome) for event, outcome, _, subject in rows() if subject == node.node_id]
    assert told == [
        ("security.join_node", "joined"),
        ("security.approve_node", "approved"),
        ("security.approve_node", "already_approved"),
        ("security.change_node_key", "changed"),
    ]


def test_a_revoked_node_is_never_approved(world: World, plane: ControlPlane, operator: str) -> None:
    world.call(set_settings, world, node_join_approval="on")
    node = joined(plane, operator)
    plane.post(f"{NODES}/{node.node_id}/revoke", CAUSE, token=operator)
    assert code_of(plane.post(f"{NODES}/{node.node_id}/approve", token=operator)) == (409, "not_active")
    assert code_of(node.change_key(plane, with_new_keys(node))) == (401, "node_revoked")


def test_a_network_may_try_ten_joins_a_minute(world: World) -> None:
    with open_control_plane(world, is_limited=True) as limited:

        def guess(_: int) -> httpx.Response:
            return Node().join(limited, "no token at all")

        answers = [guess(0) for _ in range(4)]
        with ThreadPoolExecutor(12) as threads:
            answers += threads.map(guess, range(12))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 4 <= len(refused) <= 14  # on a busy machine the process counts by itself, at half the rate
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)


def test_without_configuration_keys_no_node_joins(world: World, operator: str) -> None:
    with open_control_plane(world, config_keys=NO_CONFIG_KEYS) as keyless:
        for answer in (
            keyless.post(TOKENS, {"pool": "edge"}, token=operator),
            Node().join(keyless, "authsession_join_join-token-" + "0" * 26 + "." + "A" * 43 + "." + "A" * 22),
        ):
            assert code_of(answer) == (503, "signing_keys_missing")


def test_an_expired_token_has_lived_as_long_as_was_asked(world: World, plane: ControlPlane, operator: str) -> None:
    answer = plane.post(TOKENS, {"pool": "edge", "expires_in_seconds": 60}, token=operator).json()
    (row,) = world.database.execute(
        "select expires_at - created_at as life from node_join_tokens where join_token_id = $1",
        answer["join_token"]["join_token_id"],
    )
    assert row["life"] == timedelta(minutes=1)
