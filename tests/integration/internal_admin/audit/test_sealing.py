"""The sealer: every row gets one seal, soon, whatever order rows commit in and whoever dies (SPEC §10.8)."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import asyncpg

from services.internal_admin.audit.domain.unseen_ids import PATIENCE
from services.internal_admin.audit.store.seals import ChainEnd, ChainMoved, seal_batch
from tests.support.audit_trail import KEYS, add_rows, chain_end, seal_all, verify
from tests.support.stack import wait_for
from tests.support.world import World

INSERT = """
    insert into audit_events (occurred_at, event, outcome, caller)
    values (clock_timestamp(), 'security.x', 'x', 'x') returning audit_id
"""


def seals(world: World) -> list[tuple[int, int]]:
    rows = world.database.execute("select seq, audit_id from audit_seal order by seq")
    return [(row["seq"], row["audit_id"]) for row in rows]


def seal_once(world: World, end: ChainEnd, now: float = 0) -> ChainEnd:
    body = partial(seal_batch, end=end, key=KEYS.newest, limit=100, now=now)
    return world.call(world.internal.unit_of_work, body).end


class OpenInsert:
    """A transaction that has drawn its id and waits."""

    def __init__(self, world: World, threads: ThreadPoolExecutor, lock: str | None = None) -> None:
        """`lock` is a statement to run before, as the owner."""
        self._lock = lock
        self._drawn: Future[int] = Future()
        self._may_end = threading.Event()
        self._ended = threads.submit(world.call, world.owner.unit_of_work, self._insert)
        self.audit_id = self._drawn.result(10)

    def commit(self) -> None:
        self._may_end.set()
        self._ended.result(10)

    async def _insert(self, connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            if self._lock is not None:
                await connection.execute(self._lock)
            self._drawn.set_result(await connection.fetchval(INSERT))
            while not (self._may_end.is_set() or connection.is_closed()):
                await asyncio.sleep(0.01)


def test_the_order_of_the_chain_is_that_of_the_ids(world: World) -> None:
    ids = add_rows(world, 250)  # more than two batches of `seal_all`
    seal_all(world)
    assert seals(world) == list(enumerate(ids, 1))


def test_a_row_that_commits_after_rows_with_higher_ids_is_sealed(world: World) -> None:
    with ThreadPoolExecutor() as threads:
        late = OpenInsert(world, threads)
        (higher,) = add_rows(world, 1)
        end = seal_once(world, chain_end(world))
        assert seals(world) == [(1, higher)]
        late.commit()
    assert late.audit_id < higher
    seal_once(world, end)
    assert seals(world) == [(1, higher), (2, late.audit_id)]
    assert verify(world) == []


def test_a_row_that_commits_late_is_sealed_by_the_next_sealer_too(world: World) -> None:
    with ThreadPoolExecutor() as threads:
        late = OpenInsert(world, threads)
        (higher,) = add_rows(world, 1)
        seal_once(world, chain_end(world))
        late.commit()
    seal_all(world)
    assert seals(world) == [(1, higher), (2, late.audit_id)]


def test_the_id_of_a_transaction_that_was_rolled_back_is_not_waited_for_for_ever(world: World) -> None:
    world.database.execute(f"begin; {INSERT}; rollback;")
    add_rows(world, 1)
    end = seal_once(world, chain_end(world))
    assert [(gap.low, gap.high) for gap in end.unseen.gaps] == [(1, 1)]
    assert chain_end(world).unseen.last == 0  # the next sealer would wait too
    add_rows(world, 1)
    assert seal_once(world, end, now=PATIENCE.total_seconds()).unseen.gaps == ()
    assert chain_end(world).unseen.last == 3


def test_of_all_that_append_at_the_same_place_one_does_and_the_others_write_nothing(world: World) -> None:
    """A barrier: all have read before anyone can write."""
    ids = add_rows(world, 40)
    end = chain_end(world)

    def append() -> bool:
        try:
            seal_once(world, end)
        except ChainMoved:
            return False
        return True

    with ThreadPoolExecutor() as threads:
        held = OpenInsert(world, threads, "lock table audit_seal in share row exclusive mode")
        appending = [threads.submit(append) for _ in range(4)]
        wait_for(lambda: waiting_for_a_lock(world) == 4)
        held.commit()
        appended = [each.result(10) for each in appending]
    assert appended.count(True) == 1
    assert seals(world)[:40] == list(enumerate(ids, 1))
    seal_all(world)
    assert verify(world) == []


def waiting_for_a_lock(world: World) -> int:
    (row,) = world.database.execute(
        "select count(*) from pg_locks join pg_database on oid = database "
        "where datname = current_database() and not granted"
    )
    return row["count"]
