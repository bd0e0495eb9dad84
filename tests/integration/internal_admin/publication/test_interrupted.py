"""A process that ends between publishing and activating, or inside of an activation, leaves the old version active."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from shared.kernel.faults import DependencyUnavailable
from tests.support.publication import Publisher
from tests.support.world import World

ACTIVATE = """
import asyncio, asyncpg, sys
from services.internal_admin.publication.domain.subject import ActivateVersion
from services.internal_admin.publication.store import activation
from services.internal_admin.gateway_configs.kind import GATEWAY_CONFIG
from tests.support.publication import CALLER, KEYS

class Waiting:
    def __init__(self, connection):
        self.connection = connection
    def __getattr__(self, name):
        return getattr(self.connection, name)
    async def execute(self, sql, *arguments):
        done = await self.connection.execute(sql, *arguments)
        if sys.argv[3] in sql.splitlines()[0]:
            print("here", flush=True)
            await asyncio.sleep(60)
        return done

async def run():
    connection = await asyncpg.connect(sys.argv[1], ssl=False, server_settings={"search_path": "authsession"})
    command = ActivateVersion(sys.argv[2], 2, 1, None, None, CALLER)
    await activation.activate_version(Waiting(connection), GATEWAY_CONFIG, KEYS, command)

asyncio.run(run())
"""
STATEMENTS = ["write_head", "insert_activation"]


@pytest.fixture(scope="module")
def publisher(world: World) -> Publisher:
    return Publisher(world)


def state(world: World, subject_id: str, pool: str) -> tuple[Any, ...]:
    """Everything that an activation changes."""
    [row] = world.database.execute(
        """
        select (select active_version from subjects where subject_id = $1),
               (select count(*) from subject_activations where subject_id = $1),
               (select count(*) from config_manifests where pool = $2),
               (select sequence from config_heads where pool = $2),
               (select digest from config_heads where pool = $2),
               (select count(*) from audit_events where subject = $1)
        """,
        subject_id,
        pool,
    )
    return tuple(row)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_kill_inside_of_an_activation_leaves_nothing_and_the_repeat_works(
    world: World, publisher: Publisher, statement: str
) -> None:
    pool = publisher.pool()
    subject_id = publisher.activated([pool], freshness_window=10)
    publisher.change(subject_id, freshness_window=20)
    assert publisher.publish(subject_id) == 2
    before = state(world, subject_id, pool)

    command = [sys.executable, "-c", ACTIVATE, world.database.internal_dsn, subject_id, statement]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        os.kill(process.pid, signal.SIGKILL)

    assert publisher.activate(subject_id, 2).name == "activated"  # it waits until Postgres noticed the kill
    after = state(world, subject_id, pool)
    assert (before[0], after[0]) == (1, 2)
    assert (after[1], after[3], after[5]) == (before[1] + 1, before[3] + 1, before[5] + 1)
    assert publisher.activate(subject_id, 2).name == "already_active"


def test_a_published_version_that_nobody_activated_changes_nothing(world: World, publisher: Publisher) -> None:
    pool = publisher.pool()
    subject_id = publisher.activated([pool], freshness_window=10)
    before = state(world, subject_id, pool)[:5]
    publisher.change(subject_id, freshness_window=20)
    assert publisher.publish(subject_id) == 2
    assert state(world, subject_id, pool)[:5] == before
    assert publisher.activate(subject_id, 2).name == "activated"


def test_an_activation_that_cannot_be_audited_changes_nothing(world: World, publisher: Publisher) -> None:
    pool = publisher.pool()
    subject_id = publisher.activated([pool], freshness_window=10)
    publisher.change(subject_id, freshness_window=20)
    publisher.publish(subject_id)
    before = state(world, subject_id, pool)

    world.database.execute("revoke insert on audit_events from authsession_internal")
    try:
        with pytest.raises(DependencyUnavailable):
            publisher.activate(subject_id, 2)
    finally:
        world.database.execute(
            "grant insert (occurred_at, event, outcome, caller, actor_type, actor_id, network, request_id, subject, "
            "reason_code, details) on audit_events to authsession_internal"
        )
    assert state(world, subject_id, pool) == before
