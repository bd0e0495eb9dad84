"""Another key for the data keys of stored versions, on a real Postgres: batches, races, swapped rows, audit rows."""

import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import asyncpg
import pytest
import trio

from services.internal_admin.callers.identity import Caller
from services.internal_admin.secrets.domain.rewrapping import BEFORE_ALL, Batch, Unreadable
from services.internal_admin.secrets.domain.sealing import SealedVersion, open_value
from services.internal_admin.secrets.domain.secret import StoredVersion
from services.internal_admin.secrets.store import keys, values
from services.internal_admin.secrets.store.aged import destroy_versions_of_key
from services.internal_admin.secrets.worker import AgedSecrets, Rewrapping
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import NO_KEYS, KeyRing
from tests.support.public_flow import race
from tests.support.secrets import Keeper
from tests.support.stored_secrets import forget_secrets, place_of, ring, store_secrets
from tests.support.world import World

OLD, NEW = (f"{name}:{base64.b64encode(name.encode() * 16).decode()}" for name in ("k1", "k2"))
BEFORE, ROTATED, AFTER = ring(OLD), ring(NEW, OLD), ring(NEW)
SYSTEM = Caller("system", None, None), Actor("system", None)
ENTROPY = SystemEntropy()
SWAP = """
update secret_versions as one set wrapped_key = other.wrapped_key, ciphertext = other.ciphertext
  from secret_versions as other
 where one.secret_id = $1 and other.secret_id <> $1
"""


@pytest.fixture(autouse=True)
def no_secrets(world: World) -> Iterator[None]:
    yield
    forget_secrets(world.database)


class Trail:
    """The audit rows of one event from now on: caller, subject and details."""

    def __init__(self, world: World, event: str) -> None:
        self._world, self._event = world, event
        self._before = len(self._rows())

    def new(self) -> list[tuple[str, str | None, dict[str, Any]]]:
        return self._rows()[self._before :]

    def _rows(self) -> list[tuple[str, str | None, dict[str, Any]]]:
        rows = self._world.database.execute(
            "select caller, subject, details::text from audit_events where event = $1 order by audit_id", self._event
        )
        return [(row["caller"], row["subject"], json.loads(row["details"])) for row in rows]


def steps(world: World, ring_of_it: KeyRing, postgres: Postgres | None = None) -> list[int]:
    """The results of a new worker's steps until it rests."""
    worker, results = Rewrapping(postgres or world.internal, ring_of_it, ENTROPY), [1]
    while results[-1]:
        results.append(world.call(worker.step))
    return results[1:]


def rewrap(world: World, ring_of_it: KeyRing) -> Batch:
    return world.call(world.internal.unit_of_work, keys.rewrap_batch, ring_of_it, ENTROPY, BEFORE_ALL, *SYSTEM)


def sealed(world: World, secret_id: str, version: int = 1) -> SealedVersion:
    (row,) = world.database.execute(
        "select key_id, wrapped_key, ciphertext from secret_versions where secret_id = $1 and version = $2",
        secret_id,
        version,
    )
    return SealedVersion(row["key_id"], row["wrapped_key"], row["ciphertext"])


def versions_of_keys(world: World) -> dict[str, int]:
    return world.call(world.internal.unit_of_work, keys.count_versions_of_keys)


def test_every_version_gets_the_newest_key_and_keeps_its_ciphertext(world: World) -> None:
    """A deleted secret can be undeleted, so it gets the key too. A destroyed version needs none."""
    (kept,) = store_secrets(world.database, BEFORE, b"one", b"two")
    (deleted,) = store_secrets(world.database, BEFORE, b"three", deleted_ago="1 day")
    Keeper(world).run(values.destroy_versions, Keeper(world).vault, kept, [1])
    before, trail = sealed(world, kept, 2), Trail(world, "security.rewrap_secrets")
    assert steps(world, ROTATED) == [1, 0]
    assert versions_of_keys(world) == {"k2": 2}
    after = sealed(world, kept, 2)
    assert (after.ciphertext, open_value(AFTER, place_of(kept, 2), after)) == (before.ciphertext, b"two")
    assert open_value(AFTER, place_of(deleted, 1), sealed(world, deleted)) == b"three"
    assert trail.new() == [("system", None, {"key_id": "k2", "count": 2})]


def test_a_batch_has_500_versions(world: World) -> None:
    store_secrets(world.database, BEFORE, b"one", b"two", count=501)
    trail = Trail(world, "security.rewrap_secrets")
    assert steps(world, ROTATED) == [1, 1, 1, 0]
    assert versions_of_keys(world) == {"k2": 1002}
    assert [details["count"] for _, _, details in trail.new()] == [500, 500, 2]


def test_a_process_rewraps_after_its_start_only(world: World) -> None:
    """A process that still runs with the old order of keys does not bring the old key back."""
    worker = Rewrapping(world.internal, ring(OLD, NEW), ENTROPY)
    assert [world.call(worker.step) for _ in range(2)] == [0, 0]
    store_secrets(world.database, AFTER, b"value")
    assert world.call(worker.step) == 0
    assert versions_of_keys(world) == {"k2": 1}
    assert steps(world, NO_KEYS) == [0]


@pytest.mark.parametrize(
    ("change", "version"),
    [
        (SWAP, 1),
        ("update secrets set name = 'OTHER' where secret_id = $1", 1),
        ("update secrets set scope_kind = 'pool', scope_id = 'edge' where secret_id = $1", 1),
        ("update secret_versions set version = 7 where secret_id = $1", 7),
    ],
    ids=["swapped row", "name", "scope", "version"],
)
def test_a_row_that_was_changed_stops_the_pass_with_its_id(world: World, change: str, version: int) -> None:
    first, second, third = store_secrets(world.database, BEFORE, b"value", count=3)
    world.database.execute(change, second)
    stop = Unreadable(StoredVersion(second, version), "k1", lacks_key=False)
    assert rewrap(world, ROTATED) == Batch(1, StoredVersion(third, 1), stop)
    assert steps(world, ROTATED) == [0], "the worker rests instead of trying at once"
    assert sealed(world, first).key_id == "k2"
    assert {sealed(world, second, version).key_id, sealed(world, third).key_id} == {"k1"}


def test_a_version_under_a_key_that_the_ring_lacks_stops_the_pass(world: World) -> None:
    (secret_id,) = store_secrets(world.database, BEFORE, b"value")
    version = StoredVersion(secret_id, 1)
    assert rewrap(world, AFTER) == Batch(0, version, Unreadable(version, "k1", lacks_key=True))


def test_two_passes_beside_writes_and_destructions_lose_and_double_nothing(world: World, wide_pool: Postgres) -> None:
    """Every value opens with the new key alone, and the audit rows count each version once."""
    kept, doomed = (store_secrets(world.database, BEFORE, b"value", count=250) for _ in range(2))
    keeper, trail = Keeper(world, wide_pool, ROTATED), Trail(world, "security.rewrap_secrets")
    scopes = [keeper.connection() for _ in range(60)]
    jobs: list[Any] = [partial(steps, world, ROTATED, wide_pool)] * 2
    jobs += [partial(keeper.insert, scope, "API_KEY", b"written", make_current=True) for scope in scopes]
    jobs += [partial(keeper.run, values.destroy_versions, keeper.vault, each, [1]) for each in doomed[:60]]
    with ThreadPoolExecutor(24) as threads:
        written = [job.result() for job in [threads.submit(job) for job in jobs]][2:62]
    steps(world, ROTATED)  # a version that was being destroyed is left out by the first passes
    after = Keeper(world, ring=AFTER)
    assert {after.read(StoredVersion(each, 1)) for each in (*kept, *doomed[60:])} == {b"value"}
    assert {after.read(version) for version in written} == {b"written"}
    assert versions_of_keys(world) == {"k2": 500}
    (row,) = world.database.execute(
        "select count(*) from secret_versions where secret_id = any ($1) and key_id = 'k2'", [*kept, *doomed]
    )
    assert sum(details["count"] for _, _, details in trail.new()) == row["count"]


def test_a_secret_is_destroyed_seven_days_after_its_deletion(world: World) -> None:
    """The one that was deleted six days ago stays, and so does the one that is not deleted."""
    (gone,) = store_secrets(world.database, BEFORE, b"one", b"two", deleted_ago="7 days")
    (young,) = store_secrets(world.database, BEFORE, b"one", deleted_ago="6 days 23 hours")
    (kept,) = store_secrets(world.database, BEFORE, b"one")
    trail, worker = Trail(world, "security.destroy_secret"), AgedSecrets(world.internal)
    assert [world.call(worker.step) for _ in range(2)] == [1, 0]
    left = world.database.execute(
        "select secret_id, num_nonnulls(wrapped_key, ciphertext) as bytes, count(*) from secret_versions group by 1, 2"
    )
    assert {(row["secret_id"], row["bytes"], row["count"]) for row in left} == {
        (gone, 0, 2), (young, 2, 1), (kept, 2, 1),
    }  # fmt: skip
    assert trail.new() == [("system", gone, {"versions": [1, 2]})]
    (row,) = world.database.execute("select current_version from secrets where secret_id = $1", gone)
    assert row["current_version"] == 0


def test_a_secret_that_is_undeleted_meanwhile_is_not_destroyed(world: World, wide_pool: Postgres) -> None:
    """Undeletions and the worker race for twenty secrets: each ends whole or destroyed, as its row says."""
    aged = store_secrets(world.database, BEFORE, b"value", count=20, deleted_ago="8 days")
    undelete = "update secrets set deleted_at = null where secret_id = $1 and current_version = 1"
    worker = AgedSecrets(wide_pool)
    with ThreadPoolExecutor(8) as threads:
        jobs: list[Any] = [threads.submit(world.database.execute, undelete, each) for each in aged]
        jobs[4:4] = [threads.submit(world.call, worker.step) for _ in range(2)]
        for job in jobs:
            job.result()
    rows = world.database.execute("select deleted_at, state from secrets join secret_versions using (secret_id)")
    assert {(row["deleted_at"] is None, row["state"]) for row in rows} <= {(True, "enabled"), (False, "destroyed")}
    assert len(rows) == 20


def test_two_who_abandon_a_lost_key_write_one_row_for_each_secret(world: World, wide_pool: Postgres) -> None:
    made, trail = (
        store_secrets(world.database, BEFORE, b"one", b"two", count=6),
        Trail(world, "security.destroy_secret"),
    )
    vault = Keeper(world).vault
    abandon = partial(wide_pool.unit_of_work, destroy_versions_of_key, vault, BEFORE.newest.id, *SYSTEM)
    counts = world.call(race, *[abandon] * 12)
    assert sum(counts) == 12
    assert sorted((subject, details["versions"]) for _, subject, details in trail.new()) == [
        (secret_id, [1, 2]) for secret_id in made
    ]


def test_a_version_that_a_service_rewraps_meanwhile_is_not_abandoned(world: World, wide_pool: Postgres) -> None:
    """A service that still has the key wraps the version anew, and commits after the command has found it."""
    [secret_id] = store_secrets(world.database, BEFORE, b"one", b"two", count=1)
    abandon = partial(wide_pool.unit_of_work, destroy_versions_of_key, Keeper(world).vault, BEFORE.newest.id, *SYSTEM)

    is_wrapped = threading.Event()

    async def rewrap(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute("update secret_versions set key_id = 'k2' where version = 2")
            is_wrapped.set()
            await connection.execute("select pg_sleep(0.5)")

    async def abandon_meanwhile() -> int:
        await trio.to_thread.run_sync(is_wrapped.wait)
        return await abandon()

    _, abandoned = world.call(race, partial(wide_pool.unit_of_work, rewrap), abandon_meanwhile)
    assert abandoned == 1
    states = "select version, state from secret_versions where secret_id = $1 order by version"
    rows = world.database.execute(states, secret_id)
    assert [(row["version"], row["state"]) for row in rows] == [(1, "destroyed"), (2, "enabled")]
