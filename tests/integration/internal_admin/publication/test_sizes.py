"""A manifest has at most 256 documents and 64 KiB. An activation past that changes nothing; a pause always works."""

from typing import Any

import pytest

from contracts.node.manifest import MAX_MANIFEST_BYTES
from tests.support.publication import Publisher
from tests.support.secret_rights import AGENT, Rights
from tests.support.world import World


@pytest.fixture(scope="module")
def publisher(world: World) -> Publisher:
    return Publisher(world, kind=AGENT)


def add_active(world: World, pool: str, number: int, name_length: int) -> list[str]:
    """Agents that are active in a pool, without a manifest that has them. Returns their ids."""
    rows = world.database.execute(
        """
        with made as (
            insert into subjects (subject_id, kind, name, pools, draft, revision, last_version, active_version,
                                  created_at, updated_at)
            select 'agent-' || substr(md5(random()::text), 1, 26), 'agent',
                   rpad(substr(md5($1 || place), 1, 12), $3, 'x'), array[$1], '{}', 1, 1, 1, clock_now(), clock_now()
              from generate_series(1, $2::int) as place
            returning subject_id
        )
        insert into subject_versions (
            subject_id, version, revision, pools, draft, document, digest, created_by, created_at
        )
        select subject_id, 1, 1, array[$1], '{}', subject_id::bytea, sha256(subject_id::bytea), 'tests', clock_now()
          from made
        returning subject_id
        """,
        pool,
        number,
        name_length,
    )
    return [row["subject_id"] for row in rows]


def state(publisher: Publisher, agent: str, pool: str) -> tuple[Any, ...]:
    return publisher.served(pool), publisher.read(agent).active_version


def test_a_pool_has_at_most_256_documents(world: World, publisher: Publisher) -> None:
    pool = publisher.pool()
    add_active(world, pool, 255, 20)
    last = publisher.activated([pool])
    manifest = publisher.served(pool).current
    assert len(manifest.decoded.documents) == 256
    assert 35_000 < len(manifest.signed.payload) < 40_000
    agent = publisher.create([pool])
    before = state(publisher, agent, pool)
    refused = publisher.activate(agent, publisher.publish(agent))
    assert (refused.name, refused.pool) == ("manifest_too_large", pool)
    assert state(publisher, agent, pool) == before
    assert world.call(publisher.pause_of(last)).name == "paused"
    assert publisher.activate(agent, 1).name == "activated"


def test_a_manifest_has_at_most_64_kibibytes(world: World, publisher: Publisher) -> None:
    pool, rights = publisher.pool(), Rights(world)
    agents = add_active(world, pool, 250, 63)
    secret_id = rights.secret()
    rights.grant(secret_id, pool)
    world.database.execute(
        "insert into subject_version_secrets select unnest($1::text[]), 1, $2", agents[:200], secret_id
    )
    last = publisher.create([pool])
    version = publisher.publish(last)
    refused = publisher.activate(last, version)
    assert (refused.name, publisher.head(pool)) == ("manifest_too_large", None)
    world.database.execute(
        "delete from subject_version_secrets where subject_id = any ($1) and secret_id = $2", agents[140:], secret_id
    )
    assert publisher.activate(last, version).name == "activated"
    size = len(publisher.served(pool).current.signed.payload)
    assert 60_000 < size < MAX_MANIFEST_BYTES - 1024
    rights.delete(secret_id)
    assert publisher.served(pool).current.decoded.secrets == ()
