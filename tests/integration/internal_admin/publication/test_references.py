"""Manifests name exactly the secrets that their nodes may open, and change in the transaction that changes a right."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import ErrorCode, Refusal
from contracts.node.manifest import decode_manifest
from services.internal_admin.publication.domain.subject import Stage
from services.internal_admin.publication.renewal import ManifestRenewal
from services.internal_admin.publication.store import heads, resigning
from services.internal_admin.publication.store.references import refresh_pool
from shared.kernel.config_keys import ConfigKeys
from tests.support.publication import CALLER, KEYS, Publisher, Woken
from tests.support.secret_rights import AGENT, Rights
from tests.support.world import World

Reference = tuple[str, int, str]


@pytest.fixture(scope="module")
def publisher(world: World) -> Publisher:
    return Publisher(world, kind=AGENT)


@pytest.fixture(scope="module")
def rights(world: World) -> Rights:
    return Rights(world)


def named(publisher: Publisher, pool: str) -> set[Reference]:
    """The references of the newest manifest. The rows by which secrets are opened are the same."""
    head = publisher.served(pool)
    return named_in(publisher, head.current)


def named_in(publisher: Publisher, stored: heads.StoredManifest | None) -> set[Reference]:
    assert stored is not None
    references = decode_manifest(stored.signed.payload).secrets
    assert list(references) == sorted(references, key=lambda each: (each.secret_id, each.reader))
    found = {(each.secret_id, each.version, each.reader) for each in references}
    rows = publisher.world.database.execute(
        "select secret_id, version, reader from config_secrets where manifest_digest = $1", stored.digest
    )
    assert {tuple(row) for row in rows} == found
    return found


def sequence(publisher: Publisher, pool: str) -> int:
    return publisher.served(pool).head.position.sequence


def test_the_gateway_reads_secrets_of_the_pool_and_those_granted_to_it(publisher: Publisher, rights: Rights) -> None:
    pool, other = publisher.pool(), publisher.pool()
    own, granted, system = rights.secret("pool", pool), rights.secret(), rights.secret("pool", pool, "system")
    for scope in (("pool", other), ("agent", "agent-x"), ("connection", "connection-x")):
        rights.secret(*scope)
    rights.grant(granted, pool)
    publisher.activated([pool])
    assert named(publisher, pool) == {(own, 1, "gateway"), (granted, 1, "gateway"), (system, 1, "gateway")}


def test_an_agent_reads_only_what_its_version_names_and_it_may_open(publisher: Publisher, rights: Rights) -> None:
    pool = publisher.pool()
    agent = publisher.create([pool])
    own, stranger = rights.secret("agent", agent), rights.secret("agent", "agent-x")
    of_pool, of_connection = rights.secret("pool", pool), rights.secret("connection", "connection-x", "system")
    to_pool, to_agent, to_nobody = rights.secret(), rights.secret(), rights.secret()
    system = rights.secret("pool", pool, "system")
    rights.grant(to_pool, pool)
    rights.grant(to_agent, agent)
    mine = [own, of_pool, of_connection, to_pool, to_agent]
    publisher.change(agent, secrets=[*mine, rights.secret("agent", agent)])
    publisher.change(agent, secrets=mine)
    assert publisher.activate(agent, publisher.publish(agent)).name == "activated"
    assert named(publisher, pool) == {
        *((each, 1, agent) for each in mine),
        *((each, 1, "gateway") for each in (of_pool, to_pool, system)),
    }
    for forbidden in (stranger, to_nobody, system):
        publisher.change(agent, secrets=[*mine, forbidden])
        refused = publisher.activate(agent, publisher.publish(agent))
        assert refused.name == "checks_failed"
        assert [check.name for check in refused.checks] == ["secrets"]


def test_a_change_of_a_right_is_in_the_manifest_of_its_transaction(publisher: Publisher, rights: Rights) -> None:
    """A withdrawn grant, a deletion and a destroyed version leave it; a new version and a grant come into it."""
    pool, agent_secret, pool_secret = publisher.pool(), rights.secret(), rights.secret()
    agent = publisher.create([pool], secrets=[agent_secret])
    rights.grant(agent_secret, agent)
    publisher.activate(agent, publisher.publish(agent))
    steps: list[tuple[Any, set[Reference]]] = [
        (lambda: rights.put(agent_secret), {(agent_secret, 2, agent)}),
        (lambda: rights.grant(pool_secret, pool), {(agent_secret, 2, agent), (pool_secret, 1, "gateway")}),
        (lambda: rights.withdraw(agent_secret, agent), {(pool_secret, 1, "gateway")}),
        (lambda: rights.grant(agent_secret, agent), {(agent_secret, 2, agent), (pool_secret, 1, "gateway")}),
        (lambda: rights.delete(agent_secret), {(pool_secret, 1, "gateway")}),
        (lambda: rights.undelete(agent_secret), {(agent_secret, 2, agent), (pool_secret, 1, "gateway")}),
        (lambda: rights.destroy(agent_secret), {(pool_secret, 1, "gateway")}),
        (lambda: rights.withdraw(pool_secret, pool), set()),
    ]
    for place, (step, wanted) in enumerate(steps, start=2):
        step()
        assert (named(publisher, pool), sequence(publisher, pool)) == (wanted, place)
        assert [each.version for each in publisher.manifest(pool).documents] == [1]


def test_a_change_that_concerns_no_manifest_signs_none(publisher: Publisher, rights: Rights) -> None:
    pool, secret = publisher.pool(), rights.secret()
    publisher.activated([pool])
    rights.put(secret)
    rights.grant(secret, "agent-x")
    rights.grant(secret, publisher.pool())
    rights.delete(secret)
    assert sequence(publisher, pool) == 1


def test_a_secret_changes_on_both_sides_of_a_stage(publisher: Publisher, rights: Rights) -> None:
    """The stable manifest stays below the newest one, and the stage goes on, halted or not."""
    pool, old, new = publisher.pool(), rights.secret(), rights.secret()
    agent = publisher.create([pool], secrets=[old])
    for each in (old, new):
        rights.grant(each, agent)
    publisher.activate(agent, publisher.publish(agent))
    publisher.change(agent, secrets=[old, new])
    assert publisher.activate(agent, publisher.publish(agent), Stage(10, halts=True)).name == "activated"
    assert publisher.run(heads.halt_stage, pool, publisher.served(pool).head.position)
    before = publisher.served(pool)
    for step, in_stable, in_newest in (
        (lambda: rights.put(old), {(old, 2, agent)}, {(old, 2, agent), (new, 1, agent)}),
        (lambda: rights.put(new), {(old, 2, agent)}, {(old, 2, agent), (new, 2, agent)}),
        (lambda: rights.withdraw(old, agent), set[Reference](), {(new, 2, agent)}),
    ):
        step()
        served = publisher.served(pool)
        assert served.stable is not None
        assert (named_in(publisher, served.stable), named_in(publisher, served.current)) == (in_stable, in_newest)
        assert before.current.position < served.stable.position < served.current.position
        assert [served.head.percent, served.head.halted_at, served.head.activated_at] == [
            10, before.head.halted_at, before.head.activated_at
        ]  # fmt: skip
        before = served


def test_renewals_new_keys_and_epochs_keep_the_references(world: World, publisher: Publisher, rights: Rights) -> None:
    pool = publisher.pool()
    rights.secret("pool", pool)
    publisher.activated([pool])
    before = named(publisher, pool)
    assert len(before) == 1
    publisher.run(resigning.begin_epochs, KEYS, pool, CALLER)
    assert named(publisher, pool) == before
    world.travel(timedelta(hours=25))
    assert publisher.run(resigning.renew, KEYS, pool)
    assert named(publisher, pool) == before


def test_the_renewal_finds_manifests_that_name_other_secrets_than_they_should(
    world: World, publisher: Publisher, rights: Rights
) -> None:
    """A secret changed without configuration keys, or an older release signed a manifest and noted no secrets."""
    world.call(ManifestRenewal(world.internal, KEYS, Woken()).step)  # after the other tests of this module
    pool, large = publisher.pool(), publisher.pool()
    publisher.activated([pool])
    publisher.activated([large])
    fill(world, large, 257)
    secret = Rights(world, keys=ConfigKeys({})).secret("pool", pool)
    assert named(publisher, pool) == set()
    woken = Woken()
    renewal = ManifestRenewal(world.internal, KEYS, woken)
    assert [world.call(renewal.step) for _ in range(2)] == [1, 0]
    assert (named(publisher, pool), sequence(publisher, pool)) == ({(secret, 1, "gateway")}, 2)
    world.database.execute("delete from config_secrets where secret_id = $1", secret)
    assert [world.call(renewal.step) for _ in range(2)] == [1, 0]
    assert (named(publisher, pool), sequence(publisher, pool)) == ({(secret, 1, "gateway")}, 3)
    assert (woken.count, sequence(publisher, large)) == (2, 1)
    world.database.execute("update secrets set deleted_at = clock_now() where scope_id = $1", large)


def test_a_manifest_with_too_many_secrets_refuses_the_change_of_the_secret(
    world: World, publisher: Publisher, rights: Rights
) -> None:
    """A withdrawal is never refused."""
    pool, secret = publisher.pool(), rights.secret()
    publisher.activated([pool])
    fill(world, pool, 256)
    publisher.run(refresh_pool, KEYS, pool)
    full = named(publisher, pool)
    assert len(full) == 256
    with pytest.raises(Refusal) as refused:
        rights.grant(secret, pool)
    assert refused.value.code is ErrorCode.MANIFEST_TOO_LARGE
    assert world.database.execute("select from secret_grants where secret_id = $1", secret) == []
    assert (named(publisher, pool), sequence(publisher, pool)) == (full, 2)
    fill(world, pool, 3)
    with pytest.raises(Refusal):
        publisher.run(refresh_pool, KEYS, pool)
    rights.delete(next(iter(full))[0])
    assert (len(named(publisher, pool)), sequence(publisher, pool)) == (255, 3)
    agent = publisher.create([pool])
    outcome = publisher.activate(agent, publisher.publish(agent))
    assert (outcome.name, outcome.pool, publisher.read(agent).active_version) == ("manifest_too_large", pool, None)


def fill(world: World, pool: str, number: int) -> None:
    """Secrets of a pool that no refresh has seen."""
    world.database.execute(
        """
        with made as (
            insert into secrets (
                secret_id, scope_kind, scope_id, name, usage, current_version, last_version, created_at, updated_at
            )
            select 'secret-' || md5(random()::text), 'pool', $1, 'A' || upper(md5(random()::text)), 'grantable', 1, 1,
                   clock_now(), clock_now()
              from generate_series(1, $2)
            returning secret_id
        )
        insert into secret_versions (secret_id, version, state, key_id, wrapped_key, ciphertext, created_by, created_at)
        select secret_id, 1, 'enabled', 'k1', '', '', 'tests', clock_now() from made
        """,
        pool,
        number,
    )
