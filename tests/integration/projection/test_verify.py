"""`find_drift` lists every kind of drift that can be planted, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import asyncpg
import pytest

from contracts.gateway import encode_record
from shared.kernel.device_session import DeviceSession
from shared.projection import store, verify
from shared.projection.epoch import Kept
from shared.projection.verify import Drift, DriftKind, find_drift
from tests.support.gateway_projection import GatewayProjection

Plant = Callable[[GatewayProjection, DeviceSession], None]


@pytest.fixture(autouse=True)
def no_changes_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "SETTLING", timedelta(milliseconds=50))


def _set(gateway: GatewayProjection, session: DeviceSession, **changes: object) -> None:
    record = gateway.record(session)
    assert record is not None
    with gateway.client() as client:
        key = gateway.keys.record(session.device_session_id)
        client.set(key, encode_record(replace(record, **changes)), keepttl=True)


def _missing(gateway: GatewayProjection, session: DeviceSession) -> None:
    with gateway.client() as client:
        client.delete(gateway.keys.record(session.device_session_id))


def _stale_active(gateway: GatewayProjection, session: DeviceSession) -> None:
    gateway.revoke(session)


def _revoked_only_in_redis(gateway: GatewayProjection, session: DeviceSession) -> None:
    _set(gateway, session, status="revoked", revoked_at_ms=1775121700000)


def _stray(gateway: GatewayProjection, session: DeviceSession) -> None:
    gateway.world.database.execute(
        "delete from device_sessions where device_session_id = $1", session.device_session_id
    )


def _different_user(gateway: GatewayProjection, session: DeviceSession) -> None:
    _set(gateway, session, user_id="user-somebody-else")


def _malformed(gateway: GatewayProjection, session: DeviceSession) -> None:
    with gateway.client() as client:
        client.set(gateway.keys.record(session.device_session_id), b"{", keepttl=True)


def _never_goes(gateway: GatewayProjection, session: DeviceSession) -> None:
    with gateway.client() as client:
        client.persist(gateway.keys.record(session.device_session_id))


def _goes_too_early(gateway: GatewayProjection, session: DeviceSession) -> None:
    with gateway.client() as client:
        client.expire(gateway.keys.record(session.device_session_id), 3600)


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (_missing, DriftKind.MISSING),
        (_stale_active, DriftKind.STALE_ACTIVE),
        (_revoked_only_in_redis, DriftKind.REVOKED_ONLY_IN_REDIS),
        (_stray, DriftKind.STRAY),
        (_different_user, DriftKind.DIFFERENT),
        (_malformed, DriftKind.MALFORMED),
        (_never_goes, DriftKind.WRONG_LIFE),
        (_goes_too_early, DriftKind.WRONG_LIFE),
    ],
)
def test_a_planted_drift_is_listed_alone(gateway: GatewayProjection, plant: Plant, kind: DriftKind) -> None:
    session = gateway.published_session()
    gateway.published_session()
    revoked = gateway.published_session()
    gateway.publish(gateway.revoke(revoked))
    assert _drift(gateway) == []
    plant(gateway, session)
    assert _drift(gateway) == [Drift(kind, session.device_session_id)]


def test_another_epoch_in_redis_is_listed(unkept: GatewayProjection) -> None:
    unkept.world.call(unkept.projection.begin, "an-epoch-nobody-knows", 0)
    assert Drift(DriftKind.EPOCH, None) in _drift(unkept)


def test_a_change_under_way_is_no_drift(gateway: GatewayProjection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record differs at the first look, and is published before the second."""
    monkeypatch.setattr(verify, "SETTLING", timedelta(seconds=1))
    session = gateway.published_session()
    changes, epoch = gateway.revoke(session), gateway.epoch()

    async def publish_meanwhile() -> list[Drift]:
        async with verify.trio.open_nursery() as nursery:

            async def publish() -> None:
                await verify.trio.sleep(0.5)
                await gateway.relay.publish(changes, epoch)

            nursery.start_soon(publish)
            return await find_drift(gateway.world.internal, gateway.projection)

    assert gateway.world.call(publish_meanwhile) == []


def test_a_record_that_goes_while_others_are_verified_is_no_drift(
    gateway: GatewayProjection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verification of ten million records takes ten minutes. This record ends five minutes after its beginning."""
    session = gateway.published_session()
    gateway.world.database.execute(
        f"""
        set session_replication_role = replica;  -- else no session's creation can be moved
        update device_sessions set created_at = clock_now() - interval '365 days' + interval '5 minutes'
         where device_session_id = '{session.device_session_id}'
        """
    )
    _missing(gateway, session)
    assert _drift(gateway) == [Drift(DriftKind.MISSING, session.device_session_id)]
    read, looks = store.read_keeper, count()

    async def read_ten_minutes_later(connection: asyncpg.Connection) -> Kept:
        kept = await read(connection)
        return replace(kept, now_ms=kept.now_ms + next(looks) * 600_000)

    monkeypatch.setattr(store, "read_keeper", read_ten_minutes_later)
    assert _drift(gateway) == []


def _drift(gateway: GatewayProjection) -> list[Drift]:
    return gateway.world.call(find_drift, gateway.world.internal, gateway.projection)
