"""However a secret is written, restored, deleted, destroyed, rewrapped or tampered with, its values are a model's."""

from functools import partial
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.internal_admin.secrets.domain.rewrapping import BEFORE_ALL
from services.internal_admin.secrets.domain.secret import (
    INSTALLATION,
    ChangeGrant,
    ChangeSecret,
    DestroyVersions,
    Grantee,
    PutSecret,
    RestoreSecret,
    SecretGone,
    StoredVersion,
    UnreadableSecret,
)
from services.internal_admin.secrets.store import changes, listing
from services.internal_admin.secrets.store.keys import rewrap_batch
from shared.kernel.actor import Actor
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_secret_id
from shared.kernel.keyring import KeyRing
from tests.support.builders import unique
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.secrets import CALLER, Keeper
from tests.support.world import World

KEPT = 10
NUMBERS = st.integers(min_value=1, max_value=14)
BOTH = KeyRing.parse(
    "test",
    "k2:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=,k1:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
)
OLD_FIRST = KeyRing.parse(
    "test",
    "k1:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=,k2:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=",
)


class SecretMachine(RuleBasedStateMachine):
    """One secret of the installation. The model has the value of each version that is not destroyed."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__()
        self.keeper, self.name = keeper, unique("NAME_").upper().replace("-", "_")
        self.pool = unique("pool-")
        keeper.world.database.execute("insert into node_pools (pool, created_at) values ($1, clock_now())", self.pool)
        self.values: dict[int, bytes] = {}
        self.last = self.current = 0
        self.is_deleted = self.is_granted = False
        self.secret_id = self.put(b"first").version.secret_id
        self.values, self.last, self.current = {1: b"first"}, 1, 1

    def put(self, value: bytes, expected: int | None = None) -> Any:
        secret_id = new_secret_id(SystemClock(), SystemEntropy())
        command = PutSecret(secret_id, INSTALLATION, self.name, value, None, expected, CALLER)
        return self.change(changes.put_secret, command)

    def change(self, function: Any, command: object) -> Any:
        return self.keeper.run(function, self.keeper.vault, command)

    def written(self, value: bytes) -> None:
        self.last += 1
        self.current, self.values[self.last] = self.last, value
        for version in sorted(self.values)[:-KEPT]:
            del self.values[version]

    @rule(value=st.binary(min_size=1, max_size=200), is_right=st.booleans())
    def write(self, value: bytes, is_right: bool) -> None:
        if self.is_deleted:
            return
        outcome = self.put(value, self.last if is_right else self.last + 1)
        assert outcome.name == ("updated" if is_right else "version_conflict")
        if is_right:
            self.written(value)

    @rule(version=NUMBERS)
    def restore(self, version: int) -> None:
        outcome = self.change(changes.restore_secret, RestoreSecret(self.secret_id, version, None, CALLER))
        if version in self.values and not self.is_deleted:
            assert outcome.name == "restored"
            self.written(self.values[version])
        elif not self.values and self.is_deleted:
            assert outcome.name == "secret_not_found"
        else:
            assert outcome.name == ("version_not_found" if version > self.last else "secret_version_gone")

    @rule(version=NUMBERS)
    def destroy(self, version: int) -> None:
        is_gone = self.is_deleted and not self.values
        outcome = self.change(changes.destroy_versions, DestroyVersions(self.secret_id, (version,), CALLER))
        if is_gone or version > self.last:
            assert outcome.name == ("secret_not_found" if is_gone else "version_not_found")
            return
        assert outcome.name == ("destroyed" if version in self.values else "already_destroyed")
        self.values.pop(version, None)
        self.current = 0 if self.current == version else self.current

    @rule()
    def delete(self) -> None:
        is_gone = self.is_deleted and not self.values
        outcome = self.change(changes.delete_secret, ChangeSecret(self.secret_id, CALLER))
        expected = "already_deleted" if self.is_deleted else "deleted"
        assert outcome.name == ("secret_not_found" if is_gone else expected)
        self.is_deleted = True

    @rule()
    def undelete(self) -> None:
        is_gone = self.is_deleted and not self.values
        outcome = self.change(changes.undelete_secret, ChangeSecret(self.secret_id, CALLER))
        expected = "undeleted" if self.is_deleted else "not_deleted"
        assert outcome.name == ("secret_not_found" if is_gone else expected)
        self.is_deleted = is_gone

    @rule(is_grant=st.booleans())
    def grant(self, is_grant: bool) -> None:
        if self.is_deleted:
            return
        command = ChangeGrant(self.secret_id, Grantee("pool", self.pool), CALLER)
        outcome = self.change(changes.grant_secret if is_grant else changes.withdraw_secret, command)
        expected = {
            (True, True): "already_granted", (True, False): "granted",
            (False, True): "withdrawn", (False, False): "grant_not_found",
        }  # fmt: skip
        assert outcome.name == expected[is_grant, self.is_granted]
        self.is_granted = is_grant

    @rule()
    def rotate(self) -> None:
        batch = self.keeper.run(
            rewrap_batch, BOTH, SystemEntropy(), BEFORE_ALL, CALLER, Actor("operator", "operator-1")
        )
        assert batch.unreadable is None

    @rule(pair=st.lists(NUMBERS, min_size=2, max_size=2, unique=True))
    def swap(self, pair: list[int]) -> None:
        """Two versions whose bytes were swapped open for nobody. Swapped back they open."""
        one, two = pair
        if one not in self.values or two not in self.values:
            return
        for is_swapped in (True, False):
            self.keeper.world.database.execute(
                """
                update secret_versions as one
                   set key_id = two.key_id, wrapped_key = two.wrapped_key, ciphertext = two.ciphertext
                  from secret_versions as two
                 where one.secret_id = $1 and two.secret_id = $1 and one.version = any ($2) and two.version = any ($2)
                   and one.version <> two.version
                """,
                self.secret_id,
                pair,
            )
            for version in pair if is_swapped else ():
                with pytest.raises(UnreadableSecret):
                    self.keeper.read(StoredVersion(self.secret_id, version), also_disabled=True)

    @invariant()
    def the_values_are_those_of_the_model(self) -> None:
        for version in range(1, self.last + 1):
            stored = StoredVersion(self.secret_id, version)
            if version in self.values and not self.is_deleted:
                assert self.keeper.read(stored) == self.values[version]
            else:
                with pytest.raises(SecretGone):
                    self.keeper.read(stored)

    @invariant()
    def the_answer_is_that_of_the_model(self) -> None:
        world = self.keeper.world
        whole = world.call(partial(world.internal.unit_of_work, partial(listing.read_secret, secret_id=self.secret_id)))
        if self.is_deleted and not self.values:
            assert whole is None
            return
        assert whole is not None
        assert (whole.secret.current_version, whole.secret.last_version) == (self.current, self.last)
        assert (whole.secret.deleted_at is not None, len(whole.grants)) == (self.is_deleted, self.is_granted)
        assert {each.version for each in whole.versions if each.state != "destroyed"} == self.values.keys()


def test_a_secret_follows_its_model(world: World) -> None:
    keeper = Keeper(world, ring=OLD_FIRST)

    class Machine(SecretMachine):
        def __init__(self) -> None:
            super().__init__(keeper)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            deadline=None, derandomize=True, max_examples=10, stateful_step_count=20, database=None,
            phases=[Phase.generate], suppress_health_check=SLOW_BY_NATURE,
        ),
    )  # fmt: skip
