"""Polls: signed answers, waiting, news, and the ends of a held poll (SPEC §16.3)."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.node.manifest import NOWHERE, decode_manifest
from contracts.node.poll import decode_poll_answer
from contracts.node.signed import MANIFEST_MARKER, STATEMENT_MARKER, Signed, signed_message
from services.internal_admin.node_config import watch
from tests.support.builders import unique
from tests.support.node_api import NOBODY, NodeApi, answer_of, node_settings, open_node_api, refused_with
from tests.support.nodes import Node, make_node
from tests.support.published import CONFIG_KEYS, activate
from tests.support.world import World

OLD = "0" * 64
HOUR = timedelta(hours=1)


def verify(signed: Signed, marker: bytes) -> None:
    keys = {key.key_id: key.public_key for key in CONFIG_KEYS.public_keys()}
    for signature in signed.signatures:
        key = Ed25519PublicKey.from_public_bytes(keys[signature.key_id])
        key.verify(signature.value, signed_message(marker, signed.payload))


def test_a_node_without_a_configuration_gets_the_signed_manifest(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    answer = api.poll(node)
    polled, signed = answer_of(answer), decode_poll_answer(answer.content)
    assert (polled.statement.node_id, polled.statement.pool) == (node.node_id, node.pool)
    assert (polled.statement.position, polled.statement.digest) == (head.position, head.digest)
    assert signed.manifest == head.signed
    verify(signed.statement, STATEMENT_MARKER)
    verify(head.signed, MANIFEST_MARKER)


def test_a_statement_bears_the_id_of_its_request(world: World, api: NodeApi, node: Node) -> None:
    ids = {api.polled(node).statement.request_id for _ in range(3)}
    assert len(ids) == 3


def test_a_statement_bears_the_time_by_which_requests_are_judged(world: World, api: NodeApi, node: Node) -> None:
    """A node takes its time from statements. The clock of the process may be another one than that of Postgres."""
    world.travel(HOUR)
    try:
        ahead = replace(node, skew=HOUR)
        issued_at_ms = api.polled(ahead, wait=1).statement.issued_at_ms
        assert abs(issued_at_ms / 1000 - time.time() - HOUR.total_seconds()) < 5
    finally:
        world.travel(-HOUR)


def test_a_pool_without_a_head_has_a_statement_of_nothing(api: NodeApi, node: Node) -> None:
    polled = api.polled(node)
    assert (polled.statement.position, polled.statement.digest, polled.manifest) == (NOWHERE, None, None)


def test_an_unchanged_configuration_is_answered_after_the_wait(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    polled = api.polled(node, have=head.digest, wait=1)
    assert (polled.statement.digest, polled.manifest) == (head.digest, None)
    assert 1 <= polled.seconds < 10


def test_without_wait_the_answer_comes_at_once(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    polled = api.polled(node, have=head.digest)
    assert polled.manifest is None
    assert polled.seconds < 10


def test_an_activation_answers_a_held_poll(world: World, api: NodeApi, node: Node) -> None:
    old = activate(world.database, node.pool)
    held = api.begin_poll(node, have=old.digest, wait=50)
    new = activate(world.database, node.pool)
    polled = answer_of(held.result(20))
    assert (polled.statement.digest, polled.statement.position) == (new.digest, new.position)
    assert polled.manifest == decode_manifest(new.signed.payload)


def test_an_activation_in_another_pool_ends_no_poll(world: World, api: NodeApi, node: Node) -> None:
    old = activate(world.database, node.pool)
    held = api.begin_poll(node, have=old.digest, wait=2)
    activate(world.database, unique("pool-"))
    api.notify()
    assert answer_of(held.result(20)).manifest is None


def test_a_rejected_manifest_is_not_offered_again_and_the_next_one_is(world: World, api: NodeApi, node: Node) -> None:
    good, bad = activate(world.database, node.pool), activate(world.database, node.pool)
    polled = api.polled(node, have=good.digest, rejected=bad.digest, wait=1)
    assert (polled.statement.digest, polled.manifest) == (bad.digest, None)
    held = api.begin_poll(node, have=good.digest, rejected=bad.digest, wait=50)
    better = activate(world.database, node.pool)
    assert answer_of(held.result(20)).statement.digest == better.digest


def test_an_activation_by_another_process_arrives_without_redis(world: World, node: Node) -> None:
    with open_node_api(world, redis_address=NOBODY) as alone:
        old = activate(world.database, node.pool)
        held = alone.begin_poll(node, have=old.digest, wait=50)
        new = activate(world.database, node.pool)
        assert answer_of(held.result(20)).statement.digest == new.digest


def test_a_wake_up_of_another_process_arrives_by_redis(
    world: World, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both processes look at Postgres once an hour, so only the wake-up can tell."""
    monkeypatch.setattr(watch, "LOOK_EVERY", 3600)
    settings = node_settings()
    with open_node_api(world, settings=settings) as one, open_node_api(world, settings=settings) as other:
        old = activate(world.database, node.pool)
        held = one.begin_poll(node, have=old.digest, wait=50)
        new = activate(world.database, node.pool)
        other.notify()
        assert answer_of(held.result(20)).statement.digest == new.digest
        held = one.begin_poll(node, have=new.digest, wait=50)
        revoke(world, node)
        other.notify()
        assert refused_with(held.result(20)) == (401, "node_revoked")


def test_a_newer_poll_of_the_node_ends_the_older_one(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    older = api.begin_poll(node, have=head.digest, wait=50)
    newer = api.begin_poll(node, have=head.digest, wait=1)
    answer = older.result(20)
    assert refused_with(answer) == (503, "service_unavailable")
    assert answer.headers["retry-after"]
    assert answer_of(newer.result(20)).statement.digest == head.digest
    assert len(api.edge.holds) == 0


def test_a_revocation_ends_a_held_poll(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    other = make_node(world.database, pool=node.pool)
    held, kept = (api.begin_poll(each, have=head.digest, wait=50) for each in (node, other))
    revoke(world, node)
    assert refused_with(held.result(20)) == (401, "node_revoked")
    assert not kept.done()
    assert refused_with(api.poll(node)) == (401, "node_revoked")
    activate(world.database, node.pool)
    kept.result(20)


def test_a_revocation_that_commits_late_ends_a_held_poll(world: World, api: NodeApi, node: Node) -> None:
    """It bears a time before looks that did not see it yet."""
    head = activate(world.database, node.pool)
    held = api.begin_poll(node, have=head.digest, wait=50)
    world.database.execute(f"begin; {REVOKE.replace('$1', repr(node.node_id))}; select pg_sleep(1); commit;")
    assert refused_with(held.result(20)) == (401, "node_revoked")


REVOKE = "update nodes set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'test' where node_id = $1"


def revoke(world: World, node: Node) -> None:
    world.database.execute(REVOKE, node.node_id)


def test_a_bad_query_is_refused(api: NodeApi, node: Node) -> None:
    assert refused_with(api.poll(node, have="x")) == (400, "invalid_request")
    assert refused_with(api.poll(node, wait=51)) == (400, "invalid_request")
