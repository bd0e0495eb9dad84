"""Versions never change, are kept for the time of the setting, and an older one is activated by its number."""

import hashlib
from datetime import timedelta

import asyncpg
import pytest

from services.internal_admin.retention.store import remove_aged
from tests.support.database import run_sql
from tests.support.publication import Publisher
from tests.support.world import World


@pytest.fixture(scope="module")
def publisher(world: World) -> Publisher:
    return Publisher(world)


def versions(world: World, subject_id: str) -> dict[int, bytes]:
    """The SHA-256 of each version's document."""
    rows = world.database.execute("select * from subject_versions where subject_id = $1 order by version", subject_id)
    found = {row["version"]: hashlib.sha256(row["document"]).digest() for row in rows}
    assert found == {row["version"]: row["digest"] for row in rows}
    return found


def test_activating_an_older_version_is_a_next_position(world: World, publisher: Publisher) -> None:
    pool = publisher.pool()
    subject_id = publisher.activated([pool], freshness_window=10)
    for window in (20, 30):
        publisher.change(subject_id, freshness_window=window)
        publisher.publish(subject_id)
    before = publisher.served(pool).head.position
    for version in (3, 2):
        assert publisher.activate(subject_id, version).name == "activated"
    after = publisher.served(pool).head.position
    assert (after.epoch, after.sequence) == (before.epoch, before.sequence + 2)
    assert [each.version for each in publisher.manifest(pool).documents] == [2]
    rows = world.database.execute(
        "select version, previous_version from subject_activations where subject_id = $1 order by activation_id",
        subject_id,
    )
    assert [tuple(row) for row in rows] == [(1, None), (3, 1), (2, 3)]


def test_no_operation_changes_the_bytes_of_a_version(world: World, publisher: Publisher) -> None:
    pool = publisher.pool()
    subject_id = publisher.activated([pool], freshness_window=10)
    before = versions(world, subject_id)
    publisher.change(subject_id, freshness_window=20)
    publisher.activate(subject_id, publisher.publish(subject_id))
    revision = publisher.read(subject_id).revision
    assert world.call(publisher.revert_of(subject_id, 1, revision)).name == "changed"
    assert world.call(publisher.pause_of(subject_id)).name == "paused"
    assert world.call(publisher.archive_of(subject_id)).name == "archived"
    assert versions(world, subject_id).items() >= before.items()


@pytest.mark.parametrize("role", ["owner", "internal", "public"])
def test_no_role_can_update_a_version(world: World, publisher: Publisher, role: str) -> None:
    subject_id = publisher.create([publisher.pool()])
    publisher.publish(subject_id)
    dsn = {
        "owner": world.database.owner_dsn,
        "internal": world.database.internal_dsn,
        "public": world.database.public_dsn,
    }
    before = versions(world, subject_id)
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError)):
        run_sql(dsn[role], "update subject_versions set note = 'x' where subject_id = $1", subject_id)
    assert versions(world, subject_id) == before


def test_a_version_goes_by_age_but_neither_the_newest_nor_one_that_was_active_lately(
    world: World, publisher: Publisher
) -> None:
    pool = publisher.pool()
    subject_id = publisher.create([pool], freshness_window=1)
    for window in range(2, 11):
        publisher.publish(subject_id)
        publisher.change(subject_id, freshness_window=window)
    publisher.activate(subject_id, 1)
    publisher.activate(subject_id, 2)

    def removed_after(days: int) -> list[int]:
        world.travel(timedelta(days=days))
        world.call(world.internal.unit_of_work, remove_aged, limit=100)
        return sorted({*range(1, 10)} - versions(world, subject_id).keys())

    assert removed_after(399) == []
    publisher.activate(subject_id, 3)
    # 1 went out of use 402 days ago, but the pool still keeps a manifest of it; 2 and 3 were active lately
    assert removed_after(3) == [4, 5, 6, 7, 8]
    for version in (9, 3, 9, 3):
        publisher.activate(subject_id, version)
    assert removed_after(0) == [1, 4, 5, 6, 7, 8]
    assert removed_after(401) == [1, 2, 4, 5, 6, 7, 8]
