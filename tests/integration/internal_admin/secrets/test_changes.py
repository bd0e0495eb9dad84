"""Operators' changes of secrets on a real Postgres: races, limits, and rows that somebody changed."""

from collections import Counter
from typing import Any

import pytest

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.secrets.domain.secret import (
    INSTALLATION,
    ChangeGrant,
    ChangeSecret,
    DestroyVersions,
    Grantee,
    PutSecret,
    RestoreSecret,
    SecretGone,
    SecretScope,
    StoredVersion,
    UnreadableSecret,
    Written,
)
from services.internal_admin.secrets.store import changes, values
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_agent_id, new_secret_id
from tests.support.builders import unique
from tests.support.public_flow import race
from tests.support.secrets import CALLER, Keeper
from tests.support.world import World


@pytest.fixture(scope="module")
def keeper(world: World, wide_pool: Postgres) -> Keeper:
    return Keeper(world, wide_pool)


def put_of(
    keeper: Keeper, name: str, value: bytes, expected: int | None = None, scope: SecretScope = INSTALLATION
) -> Any:
    secret_id = new_secret_id(SystemClock(), SystemEntropy())
    command = PutSecret(secret_id, scope, name, value, None, expected, CALLER)
    return keeper.unit_of(changes.put_secret, keeper.vault, command)


def put(keeper: Keeper, name: str, value: bytes, scope: SecretScope = INSTALLATION) -> StoredVersion:
    outcome = keeper.world.call(put_of(keeper, name, value, scope=scope))
    assert isinstance(outcome, Written), outcome
    return outcome.version


def change(keeper: Keeper, function: Any, secret_id: str) -> str:
    return keeper.run(function, keeper.vault, ChangeSecret(secret_id, CALLER)).name


def new_name() -> str:
    return unique("NAME_").upper().replace("-", "_")


def new_agent(keeper: Keeper) -> str:
    agent_id = new_agent_id(SystemClock(), SystemEntropy())
    keeper.world.database.execute(
        """
        insert into subjects (subject_id, kind, name, pools, draft, revision, field_revisions, created_at, updated_at)
        values ($1, 'agent', $1, '{}', '{}', 1, '{}', clock_now(), clock_now())
        """,
        agent_id,
    )
    return agent_id


def test_of_30_writers_who_expect_one_version_one_writes(keeper: Keeper) -> None:
    for expected in (0, 1):
        name = new_name()
        if expected:
            put(keeper, name, b"first")
        writers = [put_of(keeper, name, b"%d" % number, expected) for number in range(30)]
        outcomes = keeper.world.call(race, *writers)
        won = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, Written)]
        names = Counter(outcome.name for outcome in outcomes)
        assert names == {"updated" if expected else "created": 1, "version_conflict": 29}
        assert keeper.read(outcomes[won[0]].version) == b"%d" % won[0]


def test_30_writers_of_a_new_name_make_one_secret_with_30_versions(keeper: Keeper) -> None:
    name = new_name()
    outcomes = keeper.world.call(race, *[put_of(keeper, name, b"value")] * 30)
    assert Counter(outcome.name for outcome in outcomes) == {"created": 1, "updated": 29}
    assert sorted(outcome.version.version for outcome in outcomes) == list(range(1, 31))
    assert len({outcome.version.secret_id for outcome in outcomes}) == 1


def test_a_scope_holds_a_thousand_secrets(keeper: Keeper) -> None:
    scope = SecretScope("agent", new_agent(keeper))
    keeper.world.database.execute(
        """
        insert into secrets (secret_id, scope_kind, scope_id, name, usage, created_at, updated_at)
        select $1 || '-' || number, 'agent', $2, 'N_' || number, 'grantable', clock_now(), clock_now()
          from generate_series(1, 999) as number
        """,
        unique("secret-"),
        scope.id,
    )
    contenders = [put_of(keeper, f"MORE_{number}", b"value", 0, scope) for number in range(5)]
    outcomes = keeper.world.call(race, *contenders)
    assert Counter(outcome.name for outcome in outcomes) == {"created": 1, "limit_reached": 4}


def test_an_archived_agent_gets_no_secret_and_loses_its_own(keeper: Keeper) -> None:
    scope = SecretScope("agent", new_agent(keeper))
    own, shared = put(keeper, "API_KEY", b"own", scope), put(keeper, new_name(), b"shared")
    granted = ChangeGrant(shared.secret_id, Grantee("agent", scope.id), CALLER)
    assert keeper.run(changes.grant_secret, keeper.vault, granted).name == "granted"
    assert keeper.run(changes.delete_secrets_of_agent, keeper.vault.refresh, scope.id, CALLER) == (own.secret_id,)
    keeper.world.database.execute("update subjects set archived_at = clock_now() where subject_id = $1", scope.id)
    with pytest.raises(SecretGone):
        keeper.read(own)
    assert keeper.run(changes.withdraw_secret, keeper.vault, granted).name == "grant_not_found"
    assert keeper.run(changes.grant_secret, keeper.vault, granted).name == "agent_not_found"
    assert keeper.world.call(put_of(keeper, "API_KEY", b"again", scope=scope)).name == "agent_not_found"
    assert change(keeper, changes.undelete_secret, own.secret_id) == "agent_not_found"


def test_names_of_the_product_and_secrets_of_connections_are_never_granted(keeper: Keeper) -> None:
    pool = unique("pool-")
    keeper.world.database.execute("insert into node_pools (pool, created_at) values ($1, clock_now())", pool)
    for version in (
        put(keeper, "AUTHSESSION_" + new_name(), b"value"),
        put(keeper, "CONTROL_PLANE_" + new_name(), b"value"),
        keeper.insert(keeper.connection(), "API_KEY", b"value"),
    ):
        command = ChangeGrant(version.secret_id, Grantee("pool", pool), CALLER)
        assert keeper.run(changes.grant_secret, keeper.vault, command).name == "secret_not_grantable"


def test_a_deleted_secret_comes_back_with_its_values_while_its_name_is_free(keeper: Keeper) -> None:
    name = new_name()
    old = put(keeper, name, b"old")
    assert [change(keeper, changes.delete_secret, old.secret_id) for _ in range(2)] == ["deleted", "already_deleted"]
    new = put(keeper, name, b"new")
    assert change(keeper, changes.undelete_secret, old.secret_id) == "name_taken"
    assert change(keeper, changes.delete_secret, new.secret_id) == "deleted"
    assert change(keeper, changes.undelete_secret, old.secret_id) == "undeleted"
    assert keeper.read(old) == b"old"
    assert change(keeper, changes.delete_secret, old.secret_id) == "deleted"
    destroy = DestroyVersions(old.secret_id, (1,), CALLER)
    assert keeper.run(changes.destroy_versions, keeper.vault, destroy).name == "destroyed"
    assert change(keeper, changes.undelete_secret, old.secret_id) == "secret_not_found"


@pytest.mark.parametrize(
    "tamper",
    [
        "update secrets set name = name || '_X' where secret_id = $1",
        "update secrets set scope_kind = 'pool', scope_id = 'edge' where secret_id = $1",
        """
        update secret_versions as one set wrapped_key = two.wrapped_key, ciphertext = two.ciphertext
          from secret_versions as two
         where one.secret_id = $1 and two.secret_id = $1 and one.version + two.version = 3
        """,
    ],
)
def test_a_changed_row_is_never_restored_and_nothing_changes(keeper: Keeper, tamper: str) -> None:
    """A name, a scope, or the bytes of two versions were changed by SQL."""
    secret_id = put(keeper, name := new_name(), b"first").secret_id
    put(keeper, name, b"second")
    keeper.world.database.execute(tamper, secret_id)
    rows = "select (secrets.*)::text, (secret_versions.*)::text from secrets join secret_versions using (secret_id)"
    before = keeper.world.database.execute(rows + " where secret_id = $1 order by version", secret_id)
    with pytest.raises(UnreadableSecret, match=secret_id):
        keeper.run(changes.restore_secret, keeper.vault, RestoreSecret(secret_id, 1, None, CALLER))
    assert keeper.world.database.execute(rows + " where secret_id = $1 order by version", secret_id) == before


def test_a_refused_refresh_leaves_nothing(keeper: Keeper) -> None:
    """A manifest that would grow too large refuses the change as a whole."""
    name = new_name()

    async def refuse(*_: object) -> None:
        raise Refusal(ErrorCode.MANIFEST_TOO_LARGE)

    vault = values.Vault(keeper.vault.keys, refuse, keeper.vault.clock, keeper.vault.entropy)
    command = PutSecret(new_secret_id(SystemClock(), SystemEntropy()), INSTALLATION, name, b"v", None, 0, CALLER)
    with pytest.raises(Refusal):
        keeper.run(changes.put_secret, vault, command)
    assert keeper.run(values.find_by_name, INSTALLATION, name) is None
