"""Values of secrets as other rooms write and read them, on a real Postgres."""

import pytest

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.secrets.domain.secret import SecretGone, StoredVersion, UnreadableSecret
from services.internal_admin.secrets.store import values
from shared.kernel.keyring import NO_KEYS, KeyRing
from tests.support.secrets import Keeper
from tests.support.world import World


@pytest.fixture(scope="module")
def keeper(world: World) -> Keeper:
    return Keeper(world)


def test_a_version_is_read_as_it_was_written(keeper: Keeper) -> None:
    for value in (b"x", "ü\n\0 ".encode(), b"v" * 65_536):
        version = keeper.insert(keeper.connection(), "API_KEY", value)
        assert keeper.read(version) == value


def test_a_candidate_is_readable_and_becomes_current_when_it_is_accepted(keeper: Keeper) -> None:
    scope = keeper.connection()
    first = keeper.insert(scope, "API_KEY", b"old", make_current=True)
    keeper.refreshes.of.clear()
    second = keeper.insert(scope, "API_KEY", b"new")
    found = keeper.run(values.find_by_name, scope, "API_KEY")
    assert second == StoredVersion(first.secret_id, 2)
    assert (found.current_version, found.last_version, found.usage) == (1, 2, "system")
    assert (keeper.read(first), keeper.read(second), keeper.refreshes.of) == (b"old", b"new", [])

    assert keeper.run(values.make_current, keeper.vault, second)
    assert keeper.run(values.find_by_name, scope, "API_KEY").current_version == 2
    assert keeper.refreshes.of == [(first.secret_id,)]


def test_a_version_that_is_not_there_or_is_destroyed_never_becomes_current(keeper: Keeper) -> None:
    version = keeper.insert(keeper.connection(), "API_KEY", b"value")
    assert keeper.run(values.destroy_versions, keeper.vault, version.secret_id, [1]) == (1,)
    for number in (1, 2):
        assert not keeper.run(values.make_current, keeper.vault, StoredVersion(version.secret_id, number))


def test_a_destroyed_version_is_gone_and_no_older_one_takes_its_place(keeper: Keeper) -> None:
    scope = keeper.connection()
    first = keeper.insert(scope, "API_KEY", b"old", make_current=True)
    second = keeper.insert(scope, "API_KEY", b"new", make_current=True)
    keeper.refreshes.of.clear()
    assert keeper.run(values.destroy_versions, keeper.vault, first.secret_id, [2, 7]) == (2,)
    assert keeper.run(values.destroy_versions, keeper.vault, first.secret_id, [2]) == ()
    assert keeper.run(values.find_by_name, scope, "API_KEY").current_version == 0
    assert keeper.refreshes.of == [(first.secret_id,)]
    with pytest.raises(SecretGone):
        keeper.read(second, also_disabled=True)
    [row] = keeper.world.database.execute(
        "select wrapped_key, ciphertext from secret_versions where secret_id = $1 and version = 2", first.secret_id
    )
    assert (row["wrapped_key"], row["ciphertext"]) == (None, None)


def test_ten_versions_are_kept_and_the_current_one_is_never_destroyed(keeper: Keeper) -> None:
    scope = keeper.connection()
    current = keeper.insert(scope, "API_KEY", b"1", make_current=True)
    for number in range(2, 14):
        keeper.insert(scope, "API_KEY", b"%d" % number)
    rows = keeper.world.database.execute(
        "select version from secret_versions where secret_id = $1 and state = 'enabled' order by version",
        current.secret_id,
    )
    assert [row["version"] for row in rows] == [1, *range(4, 14)]
    assert keeper.read(current) == b"1"


def test_the_setting_says_how_many_versions_are_kept(keeper: Keeper) -> None:
    scope = keeper.connection()
    keeper.world.database.execute("update settings set secret_versions_kept = 2")
    try:
        *_, last = [keeper.insert(scope, "API_KEY", b"%d" % number, make_current=True) for number in range(1, 5)]
    finally:
        keeper.world.database.execute("update settings set secret_versions_kept = 10")
    rows = keeper.world.database.execute(
        "select version from secret_versions where secret_id = $1 and state = 'enabled' order by version",
        last.secret_id,
    )
    assert [row["version"] for row in rows] == [3, 4]


def test_deletion_disables_every_version_of_a_scope(keeper: Keeper) -> None:
    scope = keeper.connection()
    kept = [keeper.insert(scope, name, b"value", make_current=True) for name in ("API_KEY", "HEADERS")]
    keeper.refreshes.of.clear()
    deleted = keeper.run(values.delete_secrets_of, keeper.vault.refresh, scope)
    assert sorted(deleted) == sorted(each.secret_id for each in kept)
    assert [sorted(each) for each in keeper.refreshes.of] == [sorted(deleted)]
    for version in kept:
        with pytest.raises(SecretGone):
            keeper.read(version)
        assert keeper.read(version, also_disabled=True) == b"value"
    assert keeper.run(values.delete_secrets_of, keeper.vault.refresh, scope) == ()
    assert keeper.insert(scope, "API_KEY", b"another").secret_id not in deleted


def test_a_changed_row_is_unreadable_by_its_id(keeper: Keeper) -> None:
    scope = keeper.connection()
    first, second = (keeper.insert(scope, name, b"value") for name in ("API_KEY", "HEADERS"))
    database = keeper.world.database
    database.execute("update secrets set name = 'BEARER' where secret_id = $1", first.secret_id)
    with pytest.raises(UnreadableSecret, match=first.secret_id):
        keeper.read(first)
    assert keeper.read(second) == b"value"


def test_nothing_is_written_or_read_without_keys(keeper: Keeper) -> None:
    version = keeper.insert(keeper.connection(), "API_KEY", b"value")
    other = KeyRing.parse("test", "k2:" + "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=")
    for ring in (NO_KEYS, other):
        with pytest.raises(Refusal) as refused:
            keeper.run(values.read_value, ring, version)
        assert refused.value.code == ErrorCode.SECRET_KEYS_MISSING
    with pytest.raises(Refusal):
        Keeper(keeper.world, ring=NO_KEYS).insert(keeper.connection(), "API_KEY", b"value")
