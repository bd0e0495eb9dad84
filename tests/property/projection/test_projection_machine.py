"""However changes are published, lost, repeated, reordered and stalled: Redis converges to Postgres, and nothing
revoked is ever active again, in no record and at no point of the stream."""

from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from authsession.embedded.redis import EmbeddedRedis
from shared.kernel.projection_change import ProjectionChange
from shared.projection import keeper, verify
from shared.projection.projection import StaleEpoch
from shared.projection.verify import find_drift
from tests.support.gateway_projection import open_gateway_projection
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.redis_bytes import dump, values
from tests.support.world import World

MAX_AGE = timedelta(days=365)


@pytest.fixture(autouse=True)
def fast_clockwork(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keeper that beats every 10 ms; a verification that does not wait for changes under way: there are none."""
    monkeypatch.setattr(keeper, "BEAT", timedelta(milliseconds=10))
    monkeypatch.setattr(verify, "SETTLING", timedelta())


class ProjectionMachine(RuleBasedStateMachine):
    """The model: which sessions are revoked in Postgres, and of which a caller was told so."""

    writers = Bundle("writers")  # a committed change, and the epoch its writer read before

    def __init__(self, world: World, server: EmbeddedRedis) -> None:
        super().__init__()
        self.opened = open_gateway_projection(world, server)
        self.gateway = self.opened.__enter__()
        self.gateway.flush()
        self.gateway.keep()
        self.revoked: set[str] = set()
        self.told: set[str] = set()
        self.followed: set[bytes] = set()
        self.seen_in_stream: dict[str, str] = {}
        self.changes: list[ProjectionChange] = []
        self.snapshot: dict[bytes, bytes] = {}
        self.snapshot_mark: list[bytes | None] = []

    @rule(target=writers)
    def append(self) -> tuple[ProjectionChange, str]:
        return self._appended()

    @rule(target=writers, pick=st.randoms(use_true_random=False))
    def revoke(self, pick: Random) -> tuple[ProjectionChange, str]:
        active = [change for change in self.changes if change.session.device_session_id not in self.revoked]
        if not active:
            return self._appended()
        epoch, session = self.gateway.epoch(), pick.choice(active).session
        self.revoked.add(session.device_session_id)
        return self._writer(epoch, self.gateway.revoke(session)[0])

    def _appended(self) -> tuple[ProjectionChange, str]:
        return self._writer(self.gateway.epoch(), self.gateway.new_sessions()[0])

    def _writer(self, epoch: str, change: ProjectionChange) -> tuple[ProjectionChange, str]:
        self.changes.append(change)
        return change, epoch

    @rule(writer=writers)  # not consumed: the same change may be published again, in any order
    def publish(self, writer: tuple[ProjectionChange, str]) -> None:
        change, epoch = writer
        self.gateway.publish([change], epoch)
        self._told(change)

    @rule(writer=writers)
    def stalled_writer_writes_without_settling(self, writer: tuple[ProjectionChange, str]) -> None:
        change, epoch = writer
        stalled = self.gateway.new_projection()
        stalled.adopt(epoch, MAX_AGE)
        with suppress(StaleEpoch):
            self.gateway.world.call(stalled.write, [change.session], epoch)
            self._told(change)

    def _told(self, change: ProjectionChange) -> None:
        if change.session.status == "revoked":
            self.told.add(change.session.device_session_id)

    @rule(writer=consumes(writers))
    def crash_before_projecting(self, writer: tuple[ProjectionChange, str]) -> None:
        """Its row waits for some relay's step."""

    @rule()
    def step(self) -> None:
        self.gateway.world.database.execute("update projection_outbox set available_at = clock_now()")
        while self.gateway.world.call(self.gateway.relay.step):
            pass

    @rule()
    def flush(self) -> None:
        self.gateway.flush()

    @rule()
    def take_snapshot(self) -> None:
        self.gateway.await_complete()
        with self.gateway.client() as client:
            self.snapshot = dump(client)
        self.snapshot_mark = self._mark()  # not older than the snapshot's

    @rule()
    def restore_snapshot(self) -> None:
        """All of it at once, and a beat later (a real restore is a restart, which is seen even without that); then the
        seconds in which SPEC §6.4 allows stale records."""
        if not self.snapshot:
            return
        with self.gateway.client() as client:
            self.gateway.until(lambda: self._mark() != self.snapshot_mark)
            restoring = client.pipeline(transaction=True)
            restoring.flushall()
            for key, value in self.snapshot.items():
                restoring.restore(key, 10**9 if key.startswith(self.gateway.keys.record_prefix.encode()) else 0, value)
            restoring.execute()
        self.gateway.until(lambda: self._mark()[0] not in (None, self.snapshot_mark[0]))
        self.gateway.await_complete()

    def _mark(self) -> list[bytes | None]:
        with self.gateway.client() as client:
            return values(client, self.gateway.keys.projection, "epoch", "beat")

    @invariant()
    def nothing_that_was_told_revoked_is_active(self) -> None:
        for change in self.changes:
            if change.session.device_session_id in self.told:
                assert self.gateway.status(change.session) != "active"

    @invariant()
    def no_active_entry_follows_a_revoked_one(self) -> None:
        """To a follower, who takes each entry once and keeps what it knew when Redis loses the stream."""
        for entry_id, entry in self.gateway.stream().items():
            if entry_id not in self.followed:
                self.followed.add(entry_id)
                before = self.seen_in_stream.get(entry.device_session_id)
                assert (before, entry.status) != ("revoked", "active")
                self.seen_in_stream[entry.device_session_id] = entry.status

    def teardown(self) -> None:
        try:
            self.step()
            self.gateway.await_complete()
            assert self.gateway.world.call(find_drift, self.gateway.world.internal, self.gateway.projection) == []
        finally:
            self.opened.__exit__(None, None, None)


def test_redis_converges_and_nothing_revoked_is_ever_active_again(world: World, redis: EmbeddedRedis) -> None:
    class Machine(ProjectionMachine):
        def __init__(self) -> None:
            super().__init__(world, redis)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=SLOW_BY_NATURE,
            database=None,
        ),
    )
