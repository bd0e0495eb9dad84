"""A stage is one subject's. What others change in the pool reaches all of its nodes at once, and the stage goes on."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.node.manifest import Position, decode_manifest
from services.internal_admin.node_config.store import knows_stage, look, read_head, write_offers
from services.internal_admin.publication.domain.subject import Stage
from services.internal_admin.publication.store import heads
from tests.support.nodes import make_node
from tests.support.publication import Publisher
from tests.support.secret_rights import AGENT
from tests.support.world import World

TENTH = Stage(10, halts=True)


@pytest.fixture(scope="module")
def publisher(world: World) -> Publisher:
    return Publisher(world, kind=AGENT)


def staged(publisher: Publisher, *pools: str) -> str:
    """An agent whose version 2 is staged over version 1."""
    agent = publisher.activated(pools, window=1)
    assert publisher.activate(agent, next_version(publisher, agent), TENTH).name == "activated"
    return agent


def next_version(publisher: Publisher, agent: str, pools: tuple[str, ...] | None = None) -> int:
    publisher.change(agent, pools, window=publisher.read(agent).revision + 1)
    return publisher.publish(agent)


def sides(publisher: Publisher, pool: str) -> tuple[dict[str, int] | None, dict[str, int]]:
    """The versions by agent that the nodes outside of the stage have, and those that the other nodes have."""
    served = publisher.served(pool)
    if served.stable is not None:
        assert served.stable.position < served.current.position == served.head.position
    return served.stable and versions(publisher, served.stable), versions(publisher, served.current)


def versions(publisher: Publisher, stored: heads.StoredManifest) -> dict[str, int]:
    rows = publisher.world.database.execute(
        "select subject_id, version from config_documents where manifest_digest = $1", stored.digest
    )
    assert sorted(row["version"] for row in rows) == sorted(
        each.version for each in decode_manifest(stored.signed.payload).documents
    )
    return {row["subject_id"]: row["version"] for row in rows}


def stage_of(publisher: Publisher, pool: str) -> tuple[Any, ...]:
    head = publisher.served(pool).head
    return head.percent, head.halts, head.halted_at, head.activated_at, head.staged_subject_id


def test_an_activation_of_another_subject_reaches_both_sides_and_the_stage_goes_on(publisher: Publisher) -> None:
    pool = publisher.pool()
    agent = staged(publisher, pool)
    assert publisher.run(heads.halt_stage, pool, publisher.served(pool).head.position)
    stage = stage_of(publisher, pool)
    other = publisher.activated([pool])
    assert sides(publisher, pool) == ({agent: 1, other: 1}, {agent: 2, other: 1})
    assert publisher.activate(other, next_version(publisher, other)).name == "activated"
    assert sides(publisher, pool) == ({agent: 1, other: 2}, {agent: 2, other: 2})
    assert publisher.world.call(publisher.pause_of(other)).name == "paused"
    assert sides(publisher, pool) == ({agent: 1}, {agent: 2})
    assert stage_of(publisher, pool) == stage
    assert publisher.activate(agent, 2, Stage(50, halts=False)).name == "activated"
    assert stage_of(publisher, pool) == (50, False, None, stage[3], agent)
    assert publisher.activate(agent, 2).name == "activated"
    assert (sides(publisher, pool), stage_of(publisher, pool)[:2]) == ((None, {agent: 2}), (100, False))


def test_a_pause_of_the_staged_subject_takes_it_from_all_nodes_at_once(publisher: Publisher) -> None:
    """Also from a pool that the staged version leaves."""
    stays, left = publisher.pool(), publisher.pool()
    agent, other = staged(publisher, stays), publisher.activated([stays, left])
    assert publisher.world.call(publisher.pause_of(agent)).name == "paused"
    assert sides(publisher, stays) == (None, {other: 1})

    agent = publisher.activated([stays, left])
    version = next_version(publisher, agent, (stays,))
    assert publisher.activate(agent, version, TENTH).name == "activated"
    assert sides(publisher, left) == ({agent: 1, other: 1}, {other: 1})
    assert publisher.world.call(publisher.pause_of(agent)).name == "paused"
    assert [sides(publisher, pool) for pool in (stays, left)] == [(None, {other: 1})] * 2


def test_a_stage_is_widened_and_completed_in_a_pool_that_its_version_leaves(publisher: Publisher) -> None:
    stays, left = publisher.pool(), publisher.pool()
    agent = publisher.activated([stays, left])
    version = next_version(publisher, agent, (stays,))
    for stage, percent in ((TENTH, 10), (Stage(50, halts=True), 50), (None, 100)):
        assert publisher.activate(agent, version, stage).name == "activated"
        assert [stage_of(publisher, pool)[0] for pool in (stays, left)] == [percent, percent]
    assert [sides(publisher, pool) for pool in (stays, left)] == [(None, {agent: 2}), (None, {})]


def test_a_second_stage_in_the_pool_is_refused_and_changes_nothing(publisher: Publisher) -> None:
    pool = publisher.pool()
    other = publisher.activated([pool])
    agent = staged(publisher, pool)
    before = publisher.served(pool)
    refused = publisher.activate(other, next_version(publisher, other), Stage(50, halts=False))
    assert (refused.name, refused.pool) == ("stage_unfinished", pool)
    assert publisher.activate(other, 1, Stage(50, halts=False)).name == "already_active"
    assert publisher.activate(other, 1).name == "already_active"
    assert (publisher.served(pool), publisher.read(other).active_version) == (before, 1)
    assert sides(publisher, pool) == ({agent: 1, other: 1}, {agent: 2, other: 1})


def test_a_pool_that_is_being_left_in_a_stage_is_not_free_for_a_kind_that_is_alone(world: World) -> None:
    publisher = Publisher(world)
    stays, left = publisher.pool(), publisher.pool()
    config = publisher.activated([stays, left])
    publisher.change(config, [stays])
    publisher.activate(config, publisher.publish(config), TENTH)
    rival = publisher.create([left])
    version = publisher.publish(rival)
    assert publisher.activate(rival, version).name == "stage_unfinished"
    publisher.activate(config, 2)
    assert publisher.activate(rival, version).name == "activated"
    assert sides(publisher, left) == (None, {rival: 1})


def test_nodes_outside_of_a_first_stage_get_what_others_activate(publisher: Publisher) -> None:
    pool = publisher.pool()
    agent = publisher.create([pool])
    publisher.activate(agent, publisher.publish(agent), TENTH)
    assert sides(publisher, pool) == (None, {agent: 1})
    other = publisher.activated([pool])
    assert sides(publisher, pool) == ({other: 1}, {agent: 1, other: 1})
    publisher.world.call(publisher.pause_of(other))
    assert sides(publisher, pool) == ({}, {agent: 1})


def test_a_rejection_of_an_earlier_manifest_of_the_stage_halts_it(publisher: Publisher) -> None:
    pool = publisher.pool()
    staged(publisher, pool)
    epoch, first = publisher.served(pool).head.position
    other = publisher.activated([pool])
    publisher.activate(other, next_version(publisher, other))
    assert publisher.served(pool).head.position == Position(epoch, first + 4)
    for sequence, is_halted in ((first - 1, False), (first + 1, False), (first + 5, False), (first + 2, True)):
        assert publisher.run(heads.halt_stage, pool, Position(epoch, sequence)) == is_halted


def test_a_halted_stage_keeps_the_nodes_that_were_offered_it_when_another_subject_changes(publisher: Publisher) -> None:
    world, pool = publisher.world, publisher.pool()
    staged(publisher, pool)
    first = publisher.served(pool).head.position
    insider, outsider = (make_node(world.database, pool=pool).node_id for _ in range(2))
    stable = Position(first.epoch, first.sequence + 1)
    publisher.run(write_offers, [(insider, first), (outsider, stable)], [timedelta()] * 2)
    publisher.run(heads.halt_stage, pool, first)
    publisher.activated([pool])
    head, _ = publisher.run(read_head, pool)
    assert (head.newest.position.sequence, head.first_of_stage) == (first.sequence + 2, first.sequence)
    assert [publisher.run(knows_stage, node_id, head) for node_id in (insider, outsider)] == [True, False]
    looked = publisher.run(look, None)
    assert looked.heads[pool] == head
