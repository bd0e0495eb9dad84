"""A change of the sealed trail shows, even with all rights (SPEC §10.8). Each test tampers as a superuser."""

from datetime import timedelta

import pytest

from services.internal_admin.audit.domain.chain import Place
from shared.kernel.keyring import KeyRing
from tests.support.audit_trail import KEYS, OLD_AND_NEW_KEYS, add_rows, chain_end, notes, seal_all, verify
from tests.support.stack import AUDIT_KEYS
from tests.support.world import World

COLUMNS = (
    "occurred_at = occurred_at + interval '1 microsecond'",
    "event = 'security.other'",
    "outcome = 'other'",
    "caller = 'other'",
    "actor_type = 'other'",
    "actor_id = ''",
    "network = '192.0.2.9'",
    "request_id = 'other'",
    "subject = null",
    "reason_code = 'other'",
    """details = '{"user_id": "user-2"}'""",
    "details = null",
)
LONG = timedelta(minutes=11)
"""More than any transaction lasts."""


@pytest.fixture
def ids(world: World) -> list[int]:
    """Ten sealed rows, of which nobody changed any."""
    ids = add_rows(world, 10)
    seal_all(world)
    assert verify(world) == []
    return ids


def test_a_change_of_any_column_is_one_finding(world: World) -> None:
    ids = add_rows(world, len(COLUMNS))
    seal_all(world)
    for audit_id, change in zip(ids, COLUMNS, strict=True):
        world.database.execute(f"update audit_events set {change} where audit_id = $1", audit_id)
    assert verify(world) == [f"row {audit_id} or its seal {seq} was changed" for seq, audit_id in enumerate(ids, 1)]


def test_a_row_that_is_gone_is_found(world: World, ids: list[int]) -> None:
    world.database.execute("delete from audit_events where audit_id = $1", ids[4])
    assert verify(world) == [f"row {ids[4]} is gone, its seal 5 is there"]


def test_a_row_that_is_gone_with_its_seal_is_found(world: World, ids: list[int]) -> None:
    world.database.execute("delete from audit_events where audit_id = $1", ids[4])
    world.database.execute("delete from audit_seal where audit_id = $1", ids[4])
    assert verify(world) == ["seals 5 to 5 are gone; the row of seal 6 cannot be checked without them"]


def test_numbering_the_seals_anew_does_not_hide_it(world: World, ids: list[int]) -> None:
    world.database.execute("delete from audit_events where audit_id = $1", ids[4])
    world.database.execute("delete from audit_seal where audit_id = $1", ids[4])
    for seq in range(6, 11):
        world.database.execute("update audit_seal set seq = $1 where seq = $1 + 1", seq - 1)
    assert verify(world)[0] == f"row {ids[5]} or its seal 5 was changed"


def test_a_seal_that_is_gone_is_found(world: World, ids: list[int]) -> None:
    world.database.execute("delete from audit_seal where audit_id = $1", ids[4])
    assert verify(world) == ["seals 5 to 5 are gone; the row of seal 6 cannot be checked without them"]


def test_two_rows_that_changed_places_are_found(world: World, ids: list[int]) -> None:
    """They differ in their time alone."""
    world.database.execute(
        """
        update audit_events as one
           set occurred_at = (select occurred_at from audit_events where audit_id = $1 + $2 - one.audit_id)
         where audit_id in ($1, $2)
        """,
        ids[3],
        ids[6],
    )
    assert verify(world) == [f"row {ids[3]} or its seal 4 was changed", f"row {ids[6]} or its seal 7 was changed"]


def test_two_seals_that_changed_places_are_found(world: World, ids: list[int]) -> None:
    for old, new in ((4, 99), (7, 4), (99, 7)):
        world.database.execute("update audit_seal set seq = $2 where seq = $1", old, new)
    assert [finding for finding in verify(world) if finding.endswith("was changed")][:2] == [
        f"row {ids[6]} or its seal 4 was changed",
        f"row {ids[4]} or its seal 5 was changed",
    ]


def test_an_inserted_row_with_an_old_time_is_found_whether_it_gets_a_seal_or_not(world: World, ids: list[int]) -> None:
    (inserted,) = add_rows(world, 1, age=LONG)
    assert verify(world) == [f"row {inserted} has no seal, although much younger rows are sealed"]
    seal_all(world)
    assert verify(world) == [f"row {inserted} (seal 11) has a time long before rows sealed earlier"]


def test_an_inserted_row_with_an_old_id_gets_no_seal_and_is_found(world: World, ids: list[int]) -> None:
    world.database.execute(
        """
        insert into audit_events (audit_id, occurred_at, event, outcome, caller) overriding system value
        values ($1, clock_timestamp() - interval '1 hour', 'security.x', 'x', 'x')
        """,
        ids[0] - 1,
    )
    seal_all(world)
    assert verify(world) == [f"row {ids[0] - 1} has no seal, although much younger rows are sealed"]


def test_a_cut_end_is_found_against_an_anchor(world: World, ids: list[int]) -> None:
    place = chain_end(world).place
    world.database.execute("delete from audit_events where audit_id > $1", ids[6])
    world.database.execute("delete from audit_seal where seq > 7")
    assert verify(world) == []
    found = verify(world, anchors=[place])
    assert found == ["the end is cut off: the chain ends at seal 7, there was a seal 10"]


def test_a_chain_that_was_made_anew_is_found_against_an_anchor(world: World, ids: list[int]) -> None:
    """Emptying the tables of seals lets the sealer seal the rest."""
    place = chain_end(world).place
    world.database.execute("update audit_events set outcome = 'other' where audit_id = $1", ids[4])
    world.database.execute("delete from audit_seal; update audit_sealer set floor = 0;")
    seal_all(world)
    assert verify(world) == []
    assert verify(world, anchors=[place]) == ["seal 10 is not the one that the anchor names"]


def test_an_anchor_of_a_chain_that_goes_on_is_no_finding(world: World, ids: list[int]) -> None:
    place = chain_end(world).place
    add_rows(world, 3)
    seal_all(world)
    assert verify(world, anchors=[place]) == []


def test_of_two_anchors_of_one_seal_one_is_wrong(world: World, ids: list[int]) -> None:
    place = chain_end(world).place
    found = verify(world, anchors=[Place(place.seq, bytes(32)), place])
    assert found == ["seal 10 is not the one that the anchor names"]


def test_keys_change_in_the_middle_of_the_chain(world: World, ids: list[int]) -> None:
    add_rows(world, 5)
    seal_all(world, OLD_AND_NEW_KEYS)
    assert verify(world, OLD_AND_NEW_KEYS) == []
    assert verify(world, KEYS) == ["the key k2 is not given: 5 rows sealed with it cannot be checked"]


def test_another_secret_under_the_same_id_checks_nothing(world: World, ids: list[int]) -> None:
    other = KeyRing.parse("test", AUDIT_KEYS.replace("Y", "Z", 1))
    assert len(verify(world, other)) == len(ids)


def test_rows_that_wait_for_their_seal_are_counted_and_no_finding(world: World, ids: list[int]) -> None:
    add_rows(world, 3)
    assert verify(world) == []
    assert "3 rows are not sealed yet" in notes(world)


def test_the_end_of_the_chain_is_told_as_an_anchor(world: World, ids: list[int]) -> None:
    assert f"anchor {chain_end(world).place}" in notes(world)
