"""Laws of the relay. A committed change becomes readable once the epoch agrees, and its outbox row is settled after
that.
"""

import time

import pytest
import trio

from shared.io.redis import open_redis
from shared.kernel.faults import DependencyUnavailable
from shared.projection.projection import Projection, StaleEpoch
from shared.projection.relay import PUBLISH_TIMEOUT, Relay
from tests.support.gateway_projection import GatewayProjection

DAY_MS = 24 * 60 * 60 * 1000


def test_a_published_session_is_readable_and_announced(gateway: GatewayProjection) -> None:
    (change,) = gateway.new_sessions()
    gateway.publish([change])
    record = gateway.record(change.session)
    assert record is not None
    assert (record.device_session_id, record.status) == (change.session.device_session_id, "active")
    assert record.client_public_key == change.session.client_public_key.base64
    assert gateway.entries(change.session) == [record]


def test_a_published_change_is_settled_behind(gateway: GatewayProjection) -> None:
    gateway.publish(gateway.new_sessions(3))
    gateway.until(lambda: gateway.waiting() == 0, 2)


def test_an_active_record_never_follows_a_revoked_one(gateway: GatewayProjection) -> None:
    (issued,) = gateway.new_sessions()
    (revoked,) = gateway.revoke(issued.session)
    gateway.publish([revoked])
    gateway.publish([issued])
    assert gateway.status(issued.session) == "revoked"
    assert [entry.status for entry in gateway.entries(issued.session)] == ["revoked"]


def test_a_batch_that_holds_both_ends_revoked_in_either_order(gateway: GatewayProjection) -> None:
    (issued,) = gateway.new_sessions()
    (revoked,) = gateway.revoke(issued.session)
    gateway.publish([revoked, issued, revoked, issued])
    assert [entry.status for entry in gateway.entries(issued.session)] == ["revoked", "revoked"]


def test_records_live_as_long_as_somebody_may_ask_for_them(gateway: GatewayProjection) -> None:
    (issued, other) = gateway.new_sessions(2)
    gateway.publish([issued, *gateway.revoke(other.session)])
    with gateway.client() as client:
        active, revoked = (client.pttl(gateway.keys.record(each.session.device_session_id)) for each in (issued, other))
    assert active == pytest.approx(365 * DAY_MS, abs=60_000)
    assert revoked == pytest.approx(30 * DAY_MS, abs=60_000)


def test_without_an_epoch_nothing_is_written(unkept: GatewayProjection) -> None:
    (change,) = unkept.new_sessions()
    with pytest.raises(DependencyUnavailable, match="redis"):
        unkept.publish([change])
    assert unkept.record(change.session) is None
    assert unkept.waiting() == 1


def test_a_writer_with_an_old_epoch_is_refused(gateway: GatewayProjection) -> None:
    (change,) = gateway.new_sessions()
    stalled, epoch = gateway.new_projection(), gateway.epoch()
    assert gateway.world.call(stalled.epoch) == epoch
    gateway.flush()
    gateway.until(lambda: gateway.status(change.session) == "active")  # by the rebuild
    gateway.publish(gateway.revoke(change.session))
    gateway.flush()
    gateway.until(lambda: gateway.status(change.session) == "revoked")
    with pytest.raises(StaleEpoch):
        gateway.world.call(stalled.write, [change.session], epoch)
    assert gateway.status(change.session) == "revoked"


def test_a_request_with_an_old_epoch_publishes_what_the_session_is_by_now(gateway: GatewayProjection) -> None:
    (issued,) = gateway.new_sessions()
    gateway.revoke(issued.session)
    gateway.flush()
    gateway.publish([issued], epoch="an-epoch-long-gone")
    assert gateway.status(issued.session) == "revoked"
    assert "active" not in [entry.status for entry in gateway.entries(issued.session)]


def test_a_lost_projection_delays_a_login_and_does_not_fail_it(gateway: GatewayProjection) -> None:
    gateway.flush()
    assert gateway.status(gateway.published_session()) == "active"


def test_a_waiter_that_goes_away_harms_nobody(gateway: GatewayProjection) -> None:
    changes, epoch = gateway.new_sessions(40), gateway.epoch()

    async def race() -> int:
        finished = 0

        async def publish(place: int) -> None:
            nonlocal finished
            with trio.CancelScope() as scope:
                if place % 2:
                    scope.cancel()
                await gateway.relay.publish([changes[place]], epoch)
                finished += 1

        async with trio.open_nursery() as nursery:
            for place in range(40):
                nursery.start_soon(publish, place)
        return finished

    assert gateway.world.call(race) == 20
    assert all(gateway.status(change.session) == "active" for change in changes[::2])


def test_five_thousand_revocations_are_published_in_bounded_batches(gateway: GatewayProjection) -> None:
    changes = gateway.new_sessions(5000)
    revoked = gateway.revoke(*(change.session for change in changes))
    with gateway.client() as client:
        client.config_set("slowlog-log-slower-than", 50_000)
        client.slowlog_reset()
        gateway.publish(revoked)
        assert client.slowlog_len() == 0
    assert len(gateway.entries(*(change.session for change in revoked))) == 5000


def test_without_redis_a_publish_fails_within_its_bound_and_the_change_stands(mortal: GatewayProjection) -> None:
    (change,) = mortal.new_sessions()
    mortal.server.kill()
    started = time.monotonic()
    with pytest.raises(DependencyUnavailable, match="redis"):
        mortal.publish([change])
    assert time.monotonic() - started < PUBLISH_TIMEOUT.total_seconds() + 0.5
    assert mortal.waiting() == 1
    mortal.server.start()


def test_step_publishes_what_a_dead_process_left(gateway: GatewayProjection) -> None:
    (change,) = gateway.new_sessions()
    assert gateway.world.call(gateway.relay.step) == 0  # its own relay still has time
    gateway.world.database.execute("update projection_outbox set available_at = clock_now()")
    assert gateway.world.call(gateway.relay.step) == 1
    assert gateway.status(change.session) == "active"
    assert gateway.waiting() == 0


def test_step_frees_what_it_could_not_publish(world_without_redis: Relay, gateway: GatewayProjection) -> None:
    gateway.new_sessions()
    gateway.world.database.execute("update projection_outbox set available_at = clock_now()")
    with pytest.raises(DependencyUnavailable, match="redis"):
        gateway.world.call(world_without_redis.step)
    assert gateway.world.call(gateway.relay.step) == 1


def test_relays_that_step_at_once_claim_each_row_once(gateway: GatewayProjection) -> None:
    changes = gateway.new_sessions(600)
    gateway.world.database.execute("update projection_outbox set available_at = clock_now()")
    claimed: list[int] = []

    async def race() -> None:
        async def step(relay: Relay) -> None:
            claimed.append(await relay.step())

        async with trio.open_nursery() as nursery:
            for postgres in (gateway.world.public, gateway.world.internal) * 3:
                nursery.start_soon(step, Relay(postgres, gateway.new_projection(postgres)))

    gateway.world.call(race)
    assert sum(claimed) == 600
    assert gateway.waiting() == 0
    assert all(gateway.status(change.session) == "active" for change in changes)


def test_work_of_a_session_that_retention_removed_is_settled(gateway: GatewayProjection) -> None:
    (change,) = gateway.new_sessions()
    gateway.world.database.execute(
        "delete from device_sessions where device_session_id = $1", change.session.device_session_id
    )
    gateway.world.database.execute("update projection_outbox set available_at = clock_now()")
    assert gateway.world.call(gateway.relay.step) == 1
    assert gateway.waiting() == 0


@pytest.fixture
def world_without_redis(gateway: GatewayProjection) -> Relay:
    """A relay whose Redis does not answer."""

    async def make() -> Relay:
        async with open_redis("127.0.0.1:1") as redis:
            return Relay(
                gateway.world.internal, Projection(gateway.world.internal, redis, gateway.keys, stream_maxlen=1000)
            )

    return gateway.world.call(make)
