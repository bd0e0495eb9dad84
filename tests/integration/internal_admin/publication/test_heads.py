"""Heads: stages are halted, epochs begin, manifests are signed again, and few old ones stay."""

from datetime import timedelta

import pytest

from contracts.node.manifest import Position
from services.internal_admin.publication.domain.subject import Stage
from services.internal_admin.publication.renewal import ManifestRenewal
from services.internal_admin.publication.store import heads, resigning
from shared.kernel.config_keys import ConfigKeys
from tests.support import stack
from tests.support.publication import CALLER, KEYS, Publisher, Woken
from tests.support.world import World

TWO_KEYS = ConfigKeys.parse("test", f"k2:{'b' * 43}=,{stack.CONFIG_KEYS}")


@pytest.fixture(scope="module")
def publisher(world: World) -> Publisher:
    return Publisher(world)


def staged(publisher: Publisher, stage: Stage) -> tuple[str, str]:
    """A subject whose version 2 is staged over version 1, and its pool."""
    pool = publisher.pool()
    subject_id = publisher.activated([pool], freshness_window=10)
    publisher.change(subject_id, freshness_window=20)
    assert publisher.activate(subject_id, publisher.publish(subject_id), stage).name == "activated"
    return subject_id, pool


def test_only_the_first_rejection_halts_a_stage_and_widening_goes_on(publisher: Publisher) -> None:
    subject_id, pool = staged(publisher, Stage(10, halts=True))
    position = publisher.served(pool).head.position
    older = Position(position.epoch, position.sequence - 1)
    assert publisher.run(heads.halt_stage, pool, older) is False
    assert [publisher.run(heads.halt_stage, pool, position) for _ in range(2)] == [True, False]
    assert publisher.served(pool).head.halted_at is not None
    assert publisher.activate(subject_id, 2, Stage(20, halts=True)).name == "activated"
    head = publisher.served(pool).head
    assert (head.halted_at, head.percent, head.position) == (None, 20, position)


def test_a_stage_that_does_not_halt_is_not_halted(publisher: Publisher) -> None:
    _, pool = staged(publisher, Stage(10, halts=False))
    assert publisher.run(heads.halt_stage, pool, publisher.served(pool).head.position) is False


def test_an_activation_without_a_stage_ends_the_stage_of_another_version(publisher: Publisher) -> None:
    subject_id, pool = staged(publisher, Stage(10, halts=True))
    outcome = publisher.activate(subject_id, 1)
    served = publisher.served(pool)
    assert (outcome.name, served.head.position.sequence, served.head.percent, served.stable) == (
        "activated",
        3,
        100,
        None,
    )


def test_a_new_epoch_is_above_everything_and_keeps_a_stage(publisher: Publisher) -> None:
    _, pool = staged(publisher, Stage(10, halts=True))
    before = publisher.served(pool)
    publisher.run(resigning.begin_epochs, KEYS, pool, CALLER)
    after = publisher.served(pool)
    assert after.stable is not None
    assert before.stable is not None
    assert after.stable.position > before.current.position
    assert (after.stable.position.sequence, after.current.position.sequence) == (1, 2)
    assert (after.head.percent, after.head.halts) == (10, True)
    assert publisher.run(resigning.begin_epochs, KEYS, "no-such-pool", CALLER) == ()


def test_a_key_that_joins_the_ring_is_published_once_at_the_next_position(world: World, publisher: Publisher) -> None:
    pool = publisher.pool()
    publisher.activated([pool])
    before, woken = publisher.served(pool).head.position, Woken()
    renewal = ManifestRenewal(world.internal, TWO_KEYS, woken)
    assert world.call(renewal.step) >= 1
    manifest = publisher.manifest(pool)
    assert [key.key_id for key in manifest.config_keys] == ["k2", "k1"]
    assert manifest.position == Position(before.epoch, before.sequence + 1)
    assert len(publisher.served(pool).current.signed.signatures) == 2
    # a process that still runs with the older ring takes nothing back, whenever it looks again
    older = ManifestRenewal(world.internal, KEYS, Woken())
    older._has_taken_keys = True
    assert (world.call(older.step), world.call(renewal.step), woken.count) == (0, 0, 1)
    assert publisher.manifest(pool) == manifest
    world.call(ManifestRenewal(world.internal, KEYS, Woken()).step)  # for the other tests of this module


def test_a_day_old_manifest_is_signed_again_at_its_position(world: World, publisher: Publisher) -> None:
    pool = publisher.pool()
    publisher.activated([pool])
    before, renewal = publisher.manifest(pool), ManifestRenewal(world.internal, KEYS, Woken())
    world.call(renewal.step)
    assert publisher.manifest(pool) == before
    for _ in range(6):
        world.travel(timedelta(hours=25))
        assert world.call(renewal.step) >= 1
    after = publisher.manifest(pool)
    assert (after.position, after.content) == (before.position, before.content)
    assert after.expires_at - before.expires_at >= timedelta(hours=150)
    [row] = world.database.execute("select count(*) from config_manifests where pool = $1", pool)
    assert row[0] == 4


def test_a_process_without_keys_renews_nothing(world: World) -> None:
    assert world.call(ManifestRenewal(world.internal, ConfigKeys({}), Woken()).step) == 0
