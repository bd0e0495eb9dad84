"""Races on real Postgres: one draft, one version number, one pool; N contenders behind a barrier, then a count."""

from collections import Counter
from typing import Any

import asyncpg
import pytest

from services.internal_admin.gateway_configs.kind import GATEWAY_CONFIG
from services.internal_admin.publication.domain.subject import ActivateVersion
from services.internal_admin.publication.store import activation
from shared.io.postgres import Postgres
from tests.support.public_flow import race
from tests.support.publication import CALLER, Publisher
from tests.support.world import World


@pytest.fixture(scope="module")
def publisher(world: World, wide_pool: Postgres) -> Publisher:
    return Publisher(world, wide_pool)


def names(outcomes: list[Any]) -> Counter[str]:
    return Counter(outcome.name for outcome in outcomes)


def test_of_40_writers_who_read_one_revision_one_writes(publisher: Publisher) -> None:
    subject_id = publisher.create([])
    for window in range(2, 8):
        publisher.change(subject_id, freshness_window=window)
    assert publisher.read(subject_id).revision == 7

    writers = [publisher.change_of(subject_id, 7, max_body_bytes=number) for number in range(40)]
    outcomes = publisher.world.call(race, *writers)

    assert names(outcomes) == {"changed": 1, "revision_conflict": 39}
    [number] = [place for place, outcome in enumerate(outcomes) if outcome.name == "changed"]
    written = publisher.read(subject_id)
    assert (written.revision, dict(written.draft)) == (8, {"freshness_window": 7, "max_body_bytes": number})
    assert {outcome.fields for outcome in outcomes if outcome.name == "revision_conflict"} == {
        ("draft.max_body_bytes",)
    }


def test_a_draft_that_changed_after_its_review_is_not_published(publisher: Publisher) -> None:
    subject_id = publisher.create([publisher.pool()], freshness_window=20)
    reviewed = publisher.read(subject_id).revision
    publisher.change(subject_id, mode="fail_closed")
    outcome = publisher.world.call(publisher.publish_of(subject_id, reviewed))
    assert (outcome.name, outcome.fields) == ("revision_conflict", ("draft.mode",))
    assert publisher.read(subject_id).last_version == 0


def test_of_20_publishes_of_one_draft_one_makes_a_version(publisher: Publisher) -> None:
    subject_id = publisher.create([publisher.pool()])
    for version in (1, 2):
        publisher.change(subject_id, freshness_window=20 + version)
        revision = publisher.read(subject_id).revision
        outcomes = publisher.world.call(race, *[publisher.publish_of(subject_id, revision)] * 20)
        assert names(outcomes) == {"published": 1, "unchanged": 19}
        assert {outcome.version for outcome in outcomes} == {version}
    rows = publisher.world.database.execute(
        "select version from subject_versions where subject_id = $1 order by version", subject_id
    )
    assert [row["version"] for row in rows] == [1, 2]


def test_of_two_configurations_that_want_one_pool_one_is_activated(publisher: Publisher) -> None:
    for _ in range(5):
        pool = publisher.pool()
        rivals = [publisher.create([pool]) for _ in range(4)]
        contenders = [publisher.activate_of(rival, publisher.publish(rival), None) for rival in rivals]
        outcomes = publisher.world.call(race, *contenders)
        assert names(outcomes) == {"activated": 1, "pool_taken": 3}
        served = publisher.served(pool)
        assert (served.head.position.sequence, len(publisher.manifest(pool).documents)) == (1, 1)


def test_activations_of_overlapping_pools_never_deadlock(publisher: Publisher) -> None:
    """Each wants some pools of the other, named in any order. No unit of work is repeated."""
    first, second, third = sorted(publisher.pool() for _ in range(3))
    runs = 0

    async def counted(connection: asyncpg.Connection, command: ActivateVersion) -> object:
        nonlocal runs
        runs += 1
        return await activation.activate_version(connection, GATEWAY_CONFIG, publisher.keys, command)

    left, right = publisher.create([first, second]), publisher.create([second, third])
    for each in (left, right):
        publisher.publish(each)
    for _ in range(10):
        commands = [ActivateVersion(each, 1, None, None, None, CALLER) for each in (left, right) * 4]
        contenders = [
            lambda command=command: publisher.world.internal.unit_of_work(counted, command) for command in commands
        ]
        outcomes = publisher.world.call(race, *contenders)
        found = names(outcomes)
        assert (found["activated"], found["already_active"], found["pool_taken"]) == (1, 3, 4)
        winner = next(
            command.subject_id
            for command, outcome in zip(commands, outcomes, strict=True)
            if outcome.name == "activated"
        )
        assert publisher.world.call(publisher.pause_of(winner)).name == "paused"
    assert runs == 80


def test_activations_of_two_configurations_with_pools_of_their_own_both_succeed(publisher: Publisher) -> None:
    pools = [publisher.pool() for _ in range(6)]
    left, right = publisher.activated(pools[:3]), publisher.activated(pools[3:])
    before = {pool: publisher.served(pool).head.position.sequence for pool in pools}
    for window in range(10, 14):
        for subject_id in (left, right):
            publisher.change(subject_id, freshness_window=window)
    contenders = [publisher.activate_of(subject_id, publisher.publish(subject_id), 1) for subject_id in (left, right)]
    assert names(publisher.world.call(race, *contenders)) == {"activated": 2}
    assert {pool: publisher.served(pool).head.position.sequence for pool in pools} == {
        pool: sequence + 1 for pool, sequence in before.items()
    }
