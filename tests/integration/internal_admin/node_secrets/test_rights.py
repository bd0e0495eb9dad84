"""A right to a secret that is given or taken acts on the next request of a node, and on the manifest."""

import time

import httpx
import pytest

from contracts.node.secrets import SecretVersion
from tests.support import node_secrets
from tests.support.node_secrets import Ask, open_api, rows
from tests.support.nodes import make_node
from tests.support.publication import Publisher
from tests.support.secret_rights import AGENT, Rights
from tests.support.world import World

REFUSED = (403, "secret_not_granted")


@pytest.fixture(scope="module")
def client(world: World) -> httpx.AsyncClient:
    return open_api(world)


@pytest.fixture(scope="module")
def publisher(world: World) -> Publisher:
    return Publisher(world, kind=AGENT)


@pytest.fixture(scope="module")
def rights(world: World) -> Rights:
    return Rights(world)


def named(publisher: Publisher, pool: str) -> set[SecretVersion]:
    return {SecretVersion(each.secret_id, each.version) for each in publisher.manifest(pool).secrets}


def test_a_grant_acts_within_a_second_and_its_withdrawal_at_once(
    world: World, client: httpx.AsyncClient, publisher: Publisher, rights: Rights
) -> None:
    pool = publisher.pool()
    publisher.activated([pool])
    ask = Ask(world, client, make_node(world.database, pool=pool))
    secret = node_secrets.store(world.database, scope=("installation", ""))
    assert ask.refusal(secret) == REFUSED
    rights.grant(secret.secret_id, pool)
    granted_at = time.monotonic()
    assert ask.values(secret) == [secret.value]
    assert time.monotonic() - granted_at < 1
    assert named(publisher, pool) == {secret.version}
    rights.withdraw(secret.secret_id, pool)
    assert ask.refusal(secret) == REFUSED
    assert named(publisher, pool) == set()
    outcomes = [outcome for _, outcome in rows(world, secret)]
    assert outcomes == ["secret_not_granted", "opened", "secret_not_granted"]


def test_a_new_version_is_named_and_the_one_before_still_opens(
    world: World, client: httpx.AsyncClient, publisher: Publisher, rights: Rights
) -> None:
    """A node that has not seen the new manifest yet is not refused."""
    pool = publisher.pool()
    publisher.activated([pool])
    ask = Ask(world, client, make_node(world.database, pool=pool))
    first = node_secrets.store(world.database, scope=("installation", ""))
    rights.grant(first.secret_id, pool)
    second = node_secrets.add_version(world.database, first, b"second")
    world.call(rights.unit_of([first.secret_id], "select $1::text", first.secret_id))
    assert named(publisher, pool) == {second.version}
    assert ask.values(first) == [first.value]
    assert ask.values(second) == [b"second"]


@pytest.mark.parametrize("end", ["pause", "archive", "a version without the secret"])
def test_an_agents_secrets_end_with_its_active_version(
    world: World, client: httpx.AsyncClient, publisher: Publisher, end: str
) -> None:
    pool = publisher.pool()
    ask = Ask(world, client, make_node(world.database, pool=pool))
    agent = publisher.create([pool])
    secret = node_secrets.store(world.database, scope=("agent", agent))
    publisher.change(agent, secrets=[secret.secret_id])
    assert ask.refusal(secret, reader=agent) == REFUSED
    publisher.activate(agent, publisher.publish(agent))
    assert ask.values(secret, reader=agent) == [secret.value]
    assert ask.refusal(secret) == REFUSED
    if end == "a version without the secret":
        publisher.change(agent, secrets=[])
        publisher.activate(agent, publisher.publish(agent))
    else:
        world.call(publisher.pause_of(agent))
        if end == "archive":
            world.call(publisher.archive_of(agent))
    assert ask.refusal(secret, reader=agent) == REFUSED
    assert named(publisher, pool) == set()
