"""Old rows go as a prefix of the chain, under a checkpoint that only a holder of a key can make (SPEC §10.8)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from authsession import audit_verify
from services.internal_admin.audit.domain.chain import Place
from services.internal_admin.audit.domain.check import Link
from services.internal_admin.audit.retention import BATCH, AuditRetention
from services.internal_admin.audit.store.removal import remove_aged_prefix
from services.internal_admin.audit.store.seals import read_links
from shared.kernel.keyring import KeyRing
from tests.support.audit_trail import KEYS, LONG_AGO, OLD_AND_NEW_KEYS, add_rows, chain_end, notes, seal_all, verify
from tests.support.database import run_sql
from tests.support.world import World

ZEROS = bytes(32)


@pytest.fixture
def young(world: World) -> list[int]:
    """Five young rows after ten old ones, all sealed."""
    add_rows(world, 10, age=LONG_AGO)
    young = add_rows(world, 5)
    seal_all(world)
    return young


def sweep(world: World, keys: KeyRing = KEYS) -> int:
    return world.call(AuditRetention(world.internal, keys).step)


def kept(world: World) -> list[int]:
    return [row["audit_id"] for row in world.database.execute("select audit_id from audit_events order by audit_id")]


def test_rows_past_their_time_go_with_their_seals_and_the_rest_is_as_it_was_sealed(
    world: World, young: list[int]
) -> None:
    assert sweep(world) == 10
    assert kept(world) == young
    assert verify(world) == []
    assert "the chain begins after seal 10" in notes(world)
    assert sweep(world) == 0


def test_sealing_goes_on_after_a_removal(world: World, young: list[int]) -> None:
    sweep(world)
    add_rows(world, 3)
    seal_all(world)
    assert chain_end(world).place.seq == 18
    assert verify(world) == []


def test_the_last_seal_stays_however_old_it_is(world: World) -> None:
    ids = add_rows(world, 3, age=LONG_AGO)
    seal_all(world)
    assert sweep(world) == 2
    assert kept(world) == ids[-1:]
    assert verify(world) == []


def test_a_batch_is_a_batch(world: World) -> None:
    add_rows(world, BATCH + 20, age=LONG_AGO)
    seal_all(world)
    assert [sweep(world), sweep(world), sweep(world)] == [BATCH, 19, 0]
    assert verify(world) == []


def test_a_row_without_a_seal_stays(world: World) -> None:
    add_rows(world, 3, age=LONG_AGO)
    assert sweep(world) == 0


def test_retention_is_the_setting(world: World, young: list[int]) -> None:
    world.database.execute("update settings set audit_retention = '600 days'")
    try:
        assert sweep(world) == 0
    finally:
        world.database.execute("update settings set audit_retention = '400 days'")


def test_after_a_removal_every_tampering_is_found_as_before(world: World, young: list[int]) -> None:
    sweep(world)
    place = chain_end(world).place
    world.database.execute("update audit_events set outcome = 'other' where audit_id = $1", young[0])
    world.database.execute("delete from audit_events where audit_id = $1", young[1])
    world.database.execute("delete from audit_seal where audit_id = $1", young[2])
    world.database.execute("delete from audit_seal where audit_id = $1", young[4])
    world.database.execute("delete from audit_events where audit_id = $1", young[4])
    assert verify(world, anchors=[place]) == [
        f"row {young[0]} or its seal 11 was changed",
        f"row {young[1]} is gone, its seal 12 is there",
        "seals 13 to 13 are gone; the row of seal 14 cannot be checked without them",
        "the end is cut off: the chain ends at seal 14, there was a seal 15",
    ]


def test_a_beginning_that_somebody_cut_off_further_is_found(world: World, young: list[int]) -> None:
    sweep(world)
    world.database.execute("delete from audit_events where audit_id = $1", young[0])
    world.database.execute("delete from audit_seal where audit_id = $1", young[0])
    assert verify(world) == ["seals 11 to 11 are gone; the row of seal 12 cannot be checked without them"]


@pytest.mark.parametrize("key_id", ["k1", "k9"])
def test_a_forged_checkpoint_is_found(world: World, young: list[int], key_id: str) -> None:
    """Rows go, and the checkpoint moves behind them, as the function does it; but who does it has no key."""
    world.database.execute("delete from audit_events where audit_id < $1", young[2])
    world.database.execute(
        """
        update audit_checkpoint set seq = 12, key_id = $1, mac = decode(repeat('ab', 32), 'hex'),
               chain_mac = (select mac from audit_seal where seq = 12)
        """,
        key_id,
    )
    world.database.execute("delete from audit_seal where seq <= 12")
    assert verify(world) == [f"the checkpoint, seal 12, is forged, or its key {key_id} is not given"]


def test_an_old_checkpoint_in_place_of_the_last_is_found(world: World, young: list[int]) -> None:
    sweep(world)
    world.database.execute(
        """
        update audit_checkpoint set seq = 0, key_id = null, mac = null, chain_mac = decode(repeat('00', 32), 'hex')
        """
    )
    assert verify(world) == ["seals 1 to 10 are gone; the row of seal 11 cannot be checked without them"]


def test_rows_that_somebody_made_old_are_not_removed_under_a_checkpoint_of_ours(world: World, young: list[int]) -> None:
    sweep(world)
    world.database.execute("update audit_events set occurred_at = occurred_at - interval '2 years'")
    assert sweep(world) == 0
    assert kept(world) == young


def test_the_checkpoint_moves_to_the_newest_key(world: World, young: list[int]) -> None:
    sweep(world, OLD_AND_NEW_KEYS)
    assert verify(world, OLD_AND_NEW_KEYS) == []
    assert verify(world, KEYS) == ["the checkpoint, seal 10, is forged, or its key k2 is not given"]


@pytest.mark.parametrize(
    ("up_to", "refusal"),
    [(11, "kept for audit_retention"), (15, "no such place"), (16, "no such place"), (10, "no such place")],
)
def test_the_internal_role_can_remove_neither_young_rows_nor_the_last_nor_at_a_wrong_place(
    world: World, young: list[int], up_to: int, refusal: str
) -> None:
    """Not even with a clock that it moved itself."""
    mac = "decode(repeat('ab', 32), 'hex')" if up_to == 10 else f"(select mac from audit_seal where seq = {up_to})"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=refusal):
        run_sql(
            world.database.internal_dsn,
            f"""
            set authsession.clock_offset = '10 years';
            select remove_audit_prefix({up_to}, coalesce({mac}, $x$a$x$::bytea), 'k1', decode(repeat('00', 32), 'hex'));
            """,
        )
    assert len(kept(world)) == 15


def test_an_anchor_from_before_the_beginning_is_told_and_not_compared(world: World, young: list[int]) -> None:
    sweep(world)
    assert verify(world, anchors=[Place(4, ZEROS)]) == []
    assert "the anchor of seal 4 was not compared" in notes(world, anchors=[Place(4, ZEROS)])


def test_several_that_remove_at_once_remove_each_row_once_and_leave_one_chain(world: World) -> None:
    add_rows(world, 3 * BATCH, age=LONG_AGO)
    young = add_rows(world, 5)
    seal_all(world)
    barrier, removed = threading.Barrier(4), list[int]()

    def remove() -> None:
        barrier.wait()
        while rows := sweep(world):
            removed.append(rows)

    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(remove) for _ in range(4)]:
            each.result()
    assert sum(removed) <= 3 * BATCH
    while sweep(world):  # one that came second removed nothing, and so went home early
        pass
    assert kept(world) == young
    assert verify(world) == []


def test_a_removal_that_overtakes_verify_is_no_finding(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    add_rows(world, 10, age=LONG_AGO)
    young = add_rows(world, 5)
    seal_all(world)

    async def overtaken(connection: asyncpg.Connection, after: int, limit: int) -> list[Link]:
        if after == 2:
            await remove_aged_prefix(connection, KEYS, limit=8)
        return await read_links(connection, after, limit)

    monkeypatch.setattr(audit_verify, "PAGE", 2)
    monkeypatch.setattr(audit_verify, "read_links", overtaken)
    assert verify(world) == []
    assert kept(world)[-5:] == young
    assert len(kept(world)) == 7
