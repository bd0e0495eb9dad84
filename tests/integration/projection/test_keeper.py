"""Laws of the keeper. Whatever Redis or Postgres loses, the records become true again, and revoked wins."""

import shutil
import time
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import asyncpg
import pytest
import redis as redis_py
import trio

from contracts.gateway import encode_record
from shared.kernel.device_session import DeviceSession
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import DependencyUnavailable
from shared.projection import metrics
from shared.projection.keeper import Keeper, force_rebuild
from shared.projection.reconciler import REASON, Reconciler
from shared.projection.verify import find_drift
from tests.support.gateway_projection import GatewayProjection
from tests.support.redis_bytes import values

STALE_AT_MOST = 5.0


def test_a_flushed_redis_is_filled_again_under_a_new_epoch(gateway: GatewayProjection) -> None:
    active, revoked = gateway.published_session(), gateway.published_session()
    gateway.publish(gateway.revoke(revoked))
    epoch = _epoch_in_redis(gateway)
    gateway.flush()
    gateway.until(lambda: gateway.status(active) == "active" and gateway.status(revoked) == "revoked", STALE_AT_MOST)
    gateway.await_complete()
    assert _epoch_in_redis(gateway) != epoch


def test_the_projection_says_rebuilding_until_every_record_is_there(gateway: GatewayProjection) -> None:
    sessions = [change.session for change in gateway.new_sessions(5000)]
    gateway.flush()
    states: list[bytes | None] = []

    def is_complete() -> bool:
        with gateway.client() as client:
            states.extend(values(client, gateway.keys.projection, "state"))
        return states[-1] == b"complete"

    gateway.until(is_complete)
    with gateway.client() as client:
        assert client.exists(*(gateway.keys.record(session.device_session_id) for session in sessions)) == 5000
    assert b"rebuilding" in states


def test_recent_revocations_are_announced_again(gateway: GatewayProjection) -> None:
    session = gateway.published_session()
    gateway.publish(gateway.revoke(session))
    gateway.flush()
    gateway.await_complete()
    assert [entry.status for entry in gateway.entries(session)] == ["revoked"]


def test_a_redis_restored_from_an_old_snapshot_is_stale_for_five_seconds_at_most(mortal: GatewayProjection) -> None:
    session, server = mortal.published_session(), mortal.server
    server.stop()
    snapshot = server.folder.with_name(server.folder.name + "-snapshot")
    shutil.copytree(server.folder, snapshot)
    server.start()
    mortal.await_complete()
    mortal.publish(mortal.revoke(session))
    server.kill()
    shutil.rmtree(server.folder)
    shutil.move(snapshot, server.folder)
    server.start()
    answered = time.monotonic()
    assert mortal.status(session) == "active"  # the snapshot is stale, or this test shows nothing
    mortal.until(lambda: mortal.status(session) == "revoked", STALE_AT_MOST)
    assert time.monotonic() - answered < STALE_AT_MOST
    assert mortal.entries(session)[-1].status == "revoked"


def test_a_restarted_redis_begins_an_epoch(mortal: GatewayProjection) -> None:
    epoch = _epoch_in_redis(mortal)
    mortal.server.stop()
    mortal.server.start()
    mortal.until(lambda: _epoch_in_redis(mortal) not in ("", epoch), STALE_AT_MOST)
    mortal.await_complete()


def test_kill_9_of_redis_amid_publishing_loses_nothing(mortal: GatewayProjection) -> None:
    changes, epoch = mortal.new_sessions(300), mortal.epoch()
    revoked = mortal.revoke(*(change.session for change in changes[:100]))
    failed = 0

    async def publish_all() -> None:
        async def publish(place: int) -> None:
            nonlocal failed
            try:
                await mortal.relay.publish([([*revoked, *changes])[place]], epoch)
            except DependencyUnavailable:
                failed += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, mortal.server.kill)
            for place in range(400):
                nursery.start_soon(publish, place)
                await trio.sleep(0.001)

    mortal.world.call(publish_all)
    assert failed > 0
    mortal.server.start()
    mortal.await_complete()
    mortal.world.database.execute("update projection_outbox set available_at = clock_now()")
    while mortal.world.call(mortal.relay.step):
        pass
    assert mortal.world.call(find_drift, mortal.world.internal, mortal.projection) == []
    assert mortal.waiting() == 0


def test_requests_publish_while_the_rebuild_goes_on(gateway: GatewayProjection) -> None:
    gateway.new_sessions(5000)
    gateway.flush()
    gateway.until(lambda: _state_in_redis(gateway) == "rebuilding")
    session = gateway.published_session()
    assert gateway.status(session) == "active"
    gateway.await_complete()


def test_a_record_without_a_session_is_revoked_and_announced_once_postgres_went_back(
    gateway: GatewayProjection,
) -> None:
    session = gateway.published_session()
    gateway.world.database.execute(
        "delete from device_sessions where device_session_id = $1", session.device_session_id
    )
    _postgres_goes_back(gateway)
    gateway.until(lambda: gateway.status(session) == "revoked")
    assert [entry.status for entry in gateway.entries(session)] == ["active", "revoked"]


def test_a_session_that_is_revoked_at_the_gateway_alone_is_revoked_once_postgres_went_back(
    gateway: GatewayProjection,
) -> None:
    session = _revoked_at_the_gateway_alone(gateway)
    _postgres_goes_back(gateway)
    gateway.until(lambda: _rows(gateway, "select * from projection_conflicts"))
    version = _email_version(gateway)
    assert gateway.world.call(Reconciler(gateway.world.internal, gateway.projection).step) == 1
    (row,) = _rows(gateway, "select * from device_sessions where device_session_id = $1", session.device_session_id)
    assert (row["status"], row["revoke_reason_code"], row["revoke_actor_type"]) == ("revoked", REASON, "system")
    assert _email_version(gateway) == version + 1
    (audit,) = _rows(gateway, "select * from audit_events where subject = $1", session.device_session_id)
    assert (audit["event"], audit["reason_code"]) == ("security.revoke_session", REASON)
    assert gateway.world.call(gateway.relay.step) >= 1  # the record gets Postgres' instant of revocation
    assert gateway.status(session) == "revoked"
    assert not _rows(gateway, "select * from projection_conflicts")


def test_a_note_of_a_conflict_alone_revokes_nothing(gateway: GatewayProjection) -> None:
    session = gateway.published_session()
    gateway.world.database.execute(
        "insert into projection_conflicts values ($1, clock_now())", session.device_session_id
    )
    assert gateway.world.call(Reconciler(gateway.world.internal, gateway.projection).step) == 1
    (row,) = _rows(
        gateway, "select status from device_sessions where device_session_id = $1", session.device_session_id
    )
    assert row["status"] == "active"
    assert not _rows(gateway, "select * from projection_conflicts")


def test_drift_counts_records_that_went_back_and_no_revocation_between_a_read_and_its_write(
    gateway: GatewayProjection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alert pages for each one counted."""
    counted: list[int] = []
    monkeypatch.setattr(metrics, "CONFLICTS", SimpleNamespace(add=counted.append))
    revoked, gone_back = gateway.published_session(), _revoked_at_the_gateway_alone(gateway)
    gateway.publish(gateway.revoke(revoked))
    for session in (revoked, gone_back):
        gateway.world.database.execute(
            "insert into projection_conflicts values ($1, clock_now())", session.device_session_id
        )
    assert gateway.world.call(Reconciler(gateway.world.internal, gateway.projection).step) == 2
    assert sum(counted) == 1


def test_a_publish_that_meets_a_revoked_record_notes_the_conflict(gateway: GatewayProjection) -> None:
    session = _revoked_at_the_gateway_alone(gateway)
    (change,) = _rows(
        gateway,
        "insert into projection_outbox (device_session_id, enqueued_at, available_at)"
        " values ($1, clock_now(), clock_now()) returning outbox_id",
        session.device_session_id,
    )
    assert change is not None
    assert gateway.world.call(gateway.relay.step) == 1
    assert _rows(gateway, "select * from projection_conflicts where device_session_id = $1", session.device_session_id)


def test_a_promoted_postgres_begins_an_epoch(gateway: GatewayProjection) -> None:
    epoch = _epoch_in_redis(gateway)
    gateway.world.database.execute("update projection_keeper set timeline = '0000FFFF'")
    gateway.until(lambda: _epoch_in_redis(gateway) not in ("", epoch))


def test_a_restarted_postgres_begins_an_epoch(gateway: GatewayProjection) -> None:
    """It may run on older data, from after the last beat. Nothing else would show that."""
    epoch = _epoch_in_redis(gateway)
    gateway.world.database.execute("update projection_keeper set postgres_started_at = now() - interval '1 day'")
    gateway.until(lambda: _epoch_in_redis(gateway) not in ("", epoch))


def test_another_session_max_age_counts_every_records_life_anew(gateway: GatewayProjection) -> None:
    session = gateway.published_session()
    gateway.world.database.execute("update settings set session_max_age = '10 days'")
    try:
        gateway.until(lambda: timedelta(days=9) < _remaining(gateway, session) < timedelta(days=10))
        assert timedelta(days=9) < _remaining(gateway, gateway.published_session()) < timedelta(days=10)
    finally:
        gateway.world.database.execute("update settings set session_max_age = default")


def test_the_public_role_may_keep(unkept: GatewayProjection) -> None:
    (change,) = unkept.new_sessions()
    conflicting = unkept.new_sessions()[0].session
    unkept.keep(unkept.world.public)
    assert unkept.status(change.session) == "active"
    _revoke_at_the_gateway(unkept, conflicting)
    _postgres_goes_back(unkept)
    unkept.until(lambda: _rows(unkept, "select * from projection_conflicts"))


def test_two_keepers_are_one(gateway: GatewayProjection) -> None:
    gateway.keep(gateway.world.public)
    epoch, beat = _epoch_in_redis(gateway), _beat_in_redis(gateway)
    time.sleep(3)
    assert _epoch_in_redis(gateway) == epoch
    assert _beat_in_redis(gateway) > beat
    assert len(_rows(gateway, "select from leases where name like 'keeper%' and held_until > clock_timestamp()")) == 1


def test_another_keeper_takes_over_with_the_same_epoch(gateway: GatewayProjection) -> None:
    gateway.keep(gateway.world.public)
    epoch, beat = _epoch_in_redis(gateway), _beat_in_redis(gateway)
    _rows(gateway, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authsession_internal'")
    gateway.until(lambda: _beat_in_redis(gateway) > beat + 1500)
    gateway.await_complete()
    assert _epoch_in_redis(gateway) == epoch


def test_a_forced_rebuild_is_done_by_the_keeper_that_runs(gateway: GatewayProjection) -> None:
    _assert_forced_rebuild(gateway)


def test_a_forced_rebuild_needs_no_keeper(unkept: GatewayProjection) -> None:
    _assert_forced_rebuild(unkept)


def _assert_forced_rebuild(projection: GatewayProjection) -> None:
    (change,) = projection.new_sessions()
    keeper = Keeper(projection.world.internal, projection.new_projection(), SystemEntropy(), patience=timedelta())
    projection.world.call(force_rebuild, projection.world.internal, keeper)
    assert projection.status(change.session) == "active"
    assert _state_in_redis(projection) == "complete"


def _postgres_goes_back(gateway: GatewayProjection) -> None:
    gateway.world.database.execute("update projection_keeper set beat = beat - 3000")


def _revoked_at_the_gateway_alone(gateway: GatewayProjection) -> DeviceSession:
    session = gateway.published_session()
    _revoke_at_the_gateway(gateway, session)
    return session


def _revoke_at_the_gateway(gateway: GatewayProjection, session: DeviceSession) -> None:
    """Revokes at the gateway only, as after a revocation that Postgres has forgotten."""
    record = gateway.record(session)
    assert record is not None
    revoked = replace(record, status="revoked", revoked_at_ms=1775121700000)
    with gateway.client() as client:
        client.set(gateway.keys.record(session.device_session_id), encode_record(revoked), px=10**9)


def _rows(gateway: GatewayProjection, sql: str, *arguments: object) -> list[asyncpg.Record]:
    return gateway.world.database.execute(sql, *arguments)


def _field(gateway: GatewayProjection, name: str) -> str:
    with gateway.client() as client:
        try:
            (value,) = values(client, gateway.keys.projection, name)
        except redis_py.RedisError:
            return ""
    return (value or b"").decode()


def _epoch_in_redis(gateway: GatewayProjection) -> str:
    return _field(gateway, "epoch")


def _state_in_redis(gateway: GatewayProjection) -> str:
    return _field(gateway, "state")


def _beat_in_redis(gateway: GatewayProjection) -> int:
    return int(_field(gateway, "beat"))


def _email_version(gateway: GatewayProjection) -> int:
    (row,) = _rows(
        gateway, "select version from emails join users using (email_id) where user_id = $1", gateway.user_id
    )
    return row["version"]


def _remaining(gateway: GatewayProjection, session: DeviceSession) -> timedelta:
    with gateway.client() as client:
        return timedelta(milliseconds=client.pttl(gateway.keys.record(session.device_session_id)))
