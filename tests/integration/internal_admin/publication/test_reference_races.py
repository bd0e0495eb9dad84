"""Races of rights to secrets with activations: no manifest names what it must not, and nobody waits for a deadlock."""

from collections import Counter
from functools import partial
from typing import Any

import asyncpg
import pytest

from contracts.node.manifest import decode_manifest
from services.internal_admin.publication.domain.subject import Stage
from services.internal_admin.publication.store import resigning
from services.internal_admin.publication.store.references import refresh_pool
from shared.io.postgres import Postgres
from tests.support.public_flow import after, race
from tests.support.publication import CALLER, KEYS, Publisher
from tests.support.secret_rights import AGENT, Rights
from tests.support.world import World


class Counted:
    """Counts the runs of units of work. A unit that ran into a deadlock runs again."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres, self.asked, self.runs = postgres, 0, 0

    async def unit_of_work(self, function: Any, *arguments: Any) -> Any:
        async def counted(connection: asyncpg.Connection) -> Any:
            self.runs += 1
            return await function(connection, *arguments)

        self.asked += 1
        return await self.postgres.unit_of_work(counted)


@pytest.fixture(scope="module")
def counted(wide_pool: Postgres) -> Counted:
    return Counted(wide_pool)


@pytest.fixture(scope="module")
def publisher(world: World, counted: Counted) -> Publisher:
    return Publisher(world, counted, kind=AGENT)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def rights(world: World, counted: Counted) -> Rights:
    return Rights(world, counted)  # pyright: ignore[reportArgumentType]


def named(publisher: Publisher, pool: str) -> set[tuple[str, int, str]]:
    head = publisher.head(pool)
    if head is None:
        return set()
    secrets = decode_manifest(head.current.signed.payload).secrets
    return {(each.secret_id, each.version, each.reader) for each in secrets}


@pytest.mark.parametrize("change", ["withdraw", "delete"])
def test_an_agent_is_activated_without_a_secret_that_goes_or_not_at_all(
    publisher: Publisher, rights: Rights, counted: Counted, change: str
) -> None:
    outcomes = Counter[str]()
    for round_ in range(20):
        pool, secret = publisher.pool(), rights.secret()
        agent = publisher.create([pool], secrets=[secret])
        rights.grant(secret, agent)
        version = publisher.publish(agent)
        gone = rights.delete_of(secret) if change == "delete" else rights.withdraw_of(secret, agent)
        activation, head_start = publisher.activate_of(agent, version, None), (round_ % 5) * 0.001
        outcome, _ = publisher.world.call(race, activation, after(head_start, gone))
        outcomes[outcome.name] += 1
        assert named(publisher, pool) == set()
    assert set(outcomes) <= {"activated", "checks_failed"}
    assert outcomes.total() == 20
    assert counted.runs == counted.asked


def test_a_new_version_reaches_an_agent_that_is_being_staged(
    publisher: Publisher, rights: Rights, counted: Counted
) -> None:
    for round_ in range(10):
        pool, secret = publisher.pool(), rights.secret()
        agent = publisher.create([pool], secrets=[secret])
        rights.grant(secret, agent)
        publisher.activate(agent, publisher.publish(agent))
        publisher.change(agent, window=2)
        staging = publisher.activate_of(agent, publisher.publish(agent), 1, Stage(10, halts=True))
        publisher.world.call(race, staging, after((round_ % 5) * 0.001, rights.put_of(secret)))
        served = publisher.served(pool)
        assert served.stable is not None
        assert served.stable.position < served.current.position
        for side in (served.stable, served.current):
            assert [each.version for each in decode_manifest(side.signed.payload).secrets] == [2]
    assert counted.runs == counted.asked


@pytest.mark.parametrize("waits", ["before it looks for manifests", "after it looked for manifests"])
def test_a_grant_that_is_being_withdrawn_from_a_pool_is_not_in_its_first_manifest(
    publisher: Publisher, rights: Rights, counted: Counted, waits: str
) -> None:
    """The activation begins while the row is removed and that is not committed."""
    pool, secret = publisher.pool(), rights.secret()
    agent = publisher.create([pool])
    version = publisher.publish(agent)
    rights.grant(secret, pool)

    async def refresh(connection: asyncpg.Connection) -> None:
        await rights.references.refresh(connection, [secret])

    async def wait(connection: asyncpg.Connection) -> None:
        await connection.execute("select pg_sleep(0.3)")

    steps = (refresh, wait) if waits == "after it looked for manifests" else (wait, refresh)

    async def withdraw_slowly(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute("select from secrets where secret_id = $1 for no key update", secret)
            await connection.execute("delete from secret_grants where secret_id = $1", secret)
            for step in steps:
                await step(connection)

    activation = publisher.activate_of(agent, version, None)
    withdrawal = partial(counted.postgres.unit_of_work, withdraw_slowly)
    outcome, _ = publisher.world.call(race, after(0.1, activation), withdrawal)
    assert (outcome.name, named(publisher, pool)) == ("activated", set())


def test_everything_at_once_never_deadlocks_and_leaves_what_the_rights_say(
    publisher: Publisher, rights: Rights, counted: Counted
) -> None:
    first, second = sorted(publisher.pool() for _ in range(2))
    granted, of_pool, own = rights.secret(), rights.secret("pool", second), rights.secret()
    agents = [publisher.create([first, second], secrets=[granted, own]), publisher.create([second], secrets=[of_pool])]
    rights.grant(own, agents[0])
    for agent in agents:
        rights.grant(granted, agent)
        publisher.activate(agent, publisher.publish(agent))
        publisher.change(agent, window=2)
        publisher.publish(agent)
    unit, outcomes = counted.unit_of_work, Counter[str]()
    for round_ in range(6):
        old, new = (1, 2) if round_ % 2 == 0 else (2, 1)
        contenders = [
            *(publisher.activate_of(agent, new, publisher.read(agent).active_version) for agent in agents),
            publisher.activate_of(agents[0], old, publisher.read(agents[0]).active_version, Stage(10, halts=True)),
            publisher.pause_of(agents[round_ % 2]),
            rights.put_of(granted),
            rights.put_of(of_pool),
            rights.grant_of(granted, first),
            rights.withdraw_of(granted, first),
            rights.unit_of([granted, own], "select 1"),
            rights.delete_of(own)
            if round_ % 3 == 0
            else rights.unit_of([own], "update secrets set deleted_at = null where secret_id = $1", own),
            partial(unit, resigning.renew, KEYS, first),
            partial(unit, resigning.begin_epochs, KEYS, None, CALLER),
            partial(unit, refresh_pool, KEYS, second),
        ]
        results = publisher.world.call(race, *contenders)
        outcomes.update(each.name for each in results[:4])
        for pool in (first, second):
            assert not publisher.run(refresh_pool, KEYS, pool), f"round {round_}: {pool} differs from the rights"
    assert counted.runs == counted.asked
    assert outcomes["activated"] > 0
    assert outcomes["paused"] > 0
