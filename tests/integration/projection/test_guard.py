"""A record that no session explains is corrected and reported. A change under way is neither."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from contracts.gateway import GatewayRecord, encode_record, encode_stream_entry
from shared.kernel.device_session import DeviceSession
from shared.kernel.entropy import SystemEntropy
from shared.projection import guard, metrics
from shared.projection.examination import EVENT
from shared.projection.guard import ProjectionGuard
from shared.projection.projection import gateway_record
from shared.projection.reconciler import Reconciler
from tests.support.background import background
from tests.support.builders import client_public_key
from tests.support.gateway_projection import GatewayProjection
from tests.support.redis_bytes import stored

STRAY_ID = "device-session-00000000-0000-7000-8000-00000000000a"
Forge = Callable[[GatewayProjection, DeviceSession], None]


@pytest.fixture(autouse=True)
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that passes over all records every 50 ms."""
    monkeypatch.setattr(guard, "PASS_REST", timedelta(milliseconds=50))
    monkeypatch.setattr(guard, "POLL", timedelta(milliseconds=50))


@pytest.fixture(autouse=True)
def empty_trail(gateway: GatewayProjection) -> None:
    gateway.world.database.execute(
        "truncate audit_events; update projection_guard set held_until = '-infinity', stream_position = '0-0'"
    )


@contextmanager
def guarded(gateway: GatewayProjection) -> Generator[None]:
    """An internal process' guard."""
    one = ProjectionGuard(gateway.world.internal, gateway.new_projection(), SystemEntropy())

    async def run(task_status: trio.TaskStatus[None]) -> None:
        await one.run(task_status=task_status)

    running = background(run)
    gateway.world.call(running.__aenter__)
    try:
        yield
    finally:
        gateway.world.call(running.__aexit__, None, None, None)


def _revoked(gateway: GatewayProjection) -> DeviceSession:
    session = gateway.published_session()
    (change,) = gateway.revoke(session)
    gateway.publish([change])
    gateway.until(lambda: gateway.waiting() == 0)
    return change.session


def _forged(session: DeviceSession, **changes: Any) -> GatewayRecord:
    fields: dict[str, Any] = {
        "device_session_id": session.device_session_id, "user_id": session.user_id,
        "client_public_key": session.client_public_key.base64, "status": "active", **changes,
    }  # fmt: skip
    return GatewayRecord(**fields)


def _set(gateway: GatewayProjection, record: GatewayRecord, *, key: str | None = None) -> None:
    with gateway.client() as client:
        client.set(key or gateway.keys.record(record.device_session_id), encode_record(record))


def _add(gateway: GatewayProjection, record: GatewayRecord) -> None:
    with gateway.client() as client:
        client.xadd(gateway.keys.stream, {**encode_stream_entry(record)})


def _told(gateway: GatewayProjection) -> set[tuple[str | None, str]]:
    rows = gateway.world.database.execute("select subject, reason_code from audit_events where event = $1", EVENT)
    return {(row["subject"], row["reason_code"]) for row in rows}


def _last_word(gateway: GatewayProjection, device_session_id: str) -> GatewayRecord | None:
    words = [entry for entry in gateway.stream().values() if entry.device_session_id == device_session_id]
    return words[-1] if words else None


def _is_true(gateway: GatewayProjection, session: DeviceSession) -> bool:
    try:
        return gateway.record(session) == gateway_record(session)
    except Exception:  # noqa: BLE001 — of another type or form, until it is corrected
        return False


def _set_active(gateway: GatewayProjection, session: DeviceSession) -> None:
    _set(gateway, _forged(session))


def _set_another_key(gateway: GatewayProjection, session: DeviceSession) -> None:
    _set(gateway, _forged(session, client_public_key=client_public_key().base64))


def _add_another_user(gateway: GatewayProjection, session: DeviceSession) -> None:
    _add(gateway, _forged(session, user_id="user-x"))


def _delete(gateway: GatewayProjection, session: DeviceSession) -> None:
    with gateway.client() as client:
        client.set(gateway.keys.record(session.device_session_id), "", px=1)


def _hash(gateway: GatewayProjection, session: DeviceSession) -> None:
    with gateway.client() as client:
        client.delete(gateway.keys.record(session.device_session_id))
        client.hset(gateway.keys.record(session.device_session_id), "a", "b")


def _persist(gateway: GatewayProjection, session: DeviceSession) -> None:
    with gateway.client() as client:
        client.persist(gateway.keys.record(session.device_session_id))


@pytest.mark.parametrize("is_revoked", [True, False], ids=["revoked", "active"])
@pytest.mark.parametrize(
    ("forge", "kinds"),
    [
        pytest.param(_set_active, ("stale_active", "wrong_life"), id="active record"),
        pytest.param(_set_another_key, ("stale_active", "different"), id="another key"),
        pytest.param(_add_another_user, ("stale_active", "different"), id="entry"),
        pytest.param(_delete, ("missing", "missing"), id="deleted"),
        pytest.param(_hash, ("malformed", "malformed"), id="another type"),
        pytest.param(_persist, ("wrong_life", "wrong_life"), id="never goes"),
    ],
)  # fmt: skip
def test_a_forgery_is_corrected_announced_and_told_once(
    gateway: GatewayProjection, forge: Forge, kinds: tuple[str, str], *, is_revoked: bool
) -> None:
    session = _revoked(gateway) if is_revoked else gateway.published_session()
    gateway.until(lambda: gateway.waiting() == 0)
    before = len(gateway.stream())
    with guarded(gateway):
        forge(gateway, session)
        gateway.until(lambda: _told(gateway) and _is_true(gateway, session))
        gateway.until(lambda: _last_word(gateway, session.device_session_id) == gateway_record(session))
        assert _told(gateway) == {(session.device_session_id, kinds[0 if is_revoked else 1])}
        assert len(gateway.stream()) > before


@pytest.mark.parametrize("forge", [_set, _add], ids=["record", "entry"])
def test_a_record_without_a_session_is_revoked(
    gateway: GatewayProjection, forge: Callable[[GatewayProjection, GatewayRecord], None]
) -> None:
    stray = GatewayRecord(STRAY_ID, gateway.user_id, client_public_key().base64, "active")
    with guarded(gateway):
        forge(gateway, stray)
        gateway.until(lambda: (word := _last_word(gateway, STRAY_ID)) is not None and word.status == "revoked")
        assert _told(gateway) == {(STRAY_ID, "stray")}
    with gateway.client() as client:
        assert b'"status":"revoked"' in (stored(client, gateway.keys.record(STRAY_ID)) or b"")


def test_an_invented_record_is_corrected_and_not_quoted(gateway: GatewayProjection) -> None:
    """One record has a key that is no session's id. The other holds the id of another session."""
    made_up = GatewayRecord("anna@example.com", gateway.user_id, client_public_key().base64, "active")
    with guarded(gateway), gateway.client() as client:
        _set(gateway, made_up)
        _set(gateway, made_up, key=gateway.keys.record(STRAY_ID))
        client.xadd(gateway.keys.stream, {"anything": "else"})
        gateway.until(lambda: len(_told(gateway)) == 3)
        assert _told(gateway) == {(None, "stray"), (STRAY_ID, "stray"), (None, "malformed")}
        for device_session_id in (made_up.device_session_id, STRAY_ID):
            value = stored(client, gateway.keys.record(device_session_id)) or b""
            assert f'{{"device_session_id":"{device_session_id}"'.encode() in value
            assert b'"status":"revoked"' in value


@pytest.mark.parametrize("forge", [_set, _add], ids=["record", "entry"])
def test_a_forged_revocation_wins_everywhere(
    gateway: GatewayProjection, forge: Callable[[GatewayProjection, GatewayRecord], None]
) -> None:
    """Gateways that read it never accept the session again, so nothing else may (SPEC §6.4)."""
    session = gateway.published_session()
    reconciler = Reconciler(gateway.world.internal, gateway.projection)
    with guarded(gateway):
        forge(gateway, _forged(session, status="revoked", revoked_at_ms=1775121700000))

        def is_revoked() -> bool:
            gateway.world.call(reconciler.step)
            (row,) = gateway.world.database.execute(
                "select status from device_sessions where device_session_id = $1", session.device_session_id
            )
            return row["status"] == "revoked"

        gateway.until(is_revoked)
        gateway.world.call(gateway.relay.step)
        assert gateway.status(session) == "revoked"
    assert not _told(gateway)


def test_a_forged_entry_is_corrected_within_a_second(
    gateway: GatewayProjection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard sees it in the stream alone, at production's pace. Two more seconds are for a busy machine."""
    monkeypatch.setattr(guard, "POLL", timedelta(milliseconds=250))
    session = _revoked(gateway)
    with guarded(gateway):
        monkeypatch.setattr(guard, "PASS_REST", timedelta(hours=1))
        gateway.until(lambda: _position(gateway) != "0-0")
        _add(gateway, _forged(session))
        gateway.until(lambda: _last_word(gateway, session.device_session_id) == gateway_record(session))
    *_, forged, corrected = [int(entry_id.partition(b"-")[0]) for entry_id in gateway.stream()]
    assert corrected - forged < 3000


def test_changes_under_way_rebuilds_and_a_lost_redis_are_no_forgery(gateway: GatewayProjection) -> None:
    with guarded(gateway):
        for _ in range(3):
            sessions = [change.session for change in gateway.new_sessions(30)]
            gateway.world.call(gateway.relay.step)
            changes, epoch = gateway.revoke(*sessions[:20]), gateway.epoch()
            gateway.publish(changes[:10], epoch)
            gateway.flush()
            gateway.world.call(trio.sleep, 0.3)
            gateway.await_complete()
            gateway.world.database.execute("update projection_outbox set available_at = clock_now()")
            gateway.world.call(gateway.relay.step)
        stale = gateway.published_session()
        gateway.until(lambda: gateway.waiting() == 0)
        gateway.revoke(stale)  # and its publisher is slow
        gateway.until(lambda: gateway.status(stale) == "revoked")
        gateway.world.call(trio.sleep, 0.3)
        gateway.await_complete()
    assert not _told(gateway)


def test_a_postgres_that_went_back_is_no_forgery(gateway: GatewayProjection) -> None:
    """The rebuild revokes records without a session, and the alert on drift pages."""
    lost = gateway.published_session()
    with guarded(gateway):
        gateway.world.database.execute(
            "begin; update projection_keeper set postgres_started_at = now() - interval '1 day';"
            f"delete from device_sessions where device_session_id = '{lost.device_session_id}'; commit"
        )
        gateway.until(lambda: gateway.status(lost) == "revoked")
        gateway.await_complete()
    assert not _told(gateway)


def test_a_forged_epoch_or_beat_begins_another_and_is_told(gateway: GatewayProjection) -> None:
    session = gateway.published_session()
    for field, value in (("epoch", "mine"), ("beat", 1), ("beat", 10**15)):
        epoch = gateway.world.database.execute("select epoch from projection_keeper")[0]["epoch"]
        with gateway.client() as client:
            client.hset(gateway.keys.projection, field, value)
        gateway.until(
            lambda epoch=epoch: (
                gateway.world.database.execute("select epoch from projection_keeper")[0]["epoch"] != epoch
            )
        )
        gateway.await_complete()
    rows = gateway.world.database.execute("select reason_code from audit_events where event = 'security.begin_epoch'")
    assert {row["reason_code"] for row in rows} == {"redis_replaced", "redis_went_back", "postgres_went_back"}
    assert gateway.status(session) == "active"


def test_one_guard_works_and_another_takes_over_where_it_was(
    gateway: GatewayProjection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LEASE", timedelta(seconds=1))
    monkeypatch.setattr(guard, "RENEWAL", timedelta(milliseconds=100))
    session = _revoked(gateway)
    with guarded(gateway):
        gateway.until(lambda: _position(gateway) != "0-0")
        holder = _holder(gateway)
        with guarded(gateway):
            gateway.world.call(trio.sleep, 0.5)
            assert _holder(gateway) == holder
    _add(gateway, _forged(session))  # while nobody guards
    with guarded(gateway):
        gateway.until(lambda: _told(gateway) == {(session.device_session_id, "stale_active")})
        assert _holder(gateway) != holder


def test_a_flood_of_forgeries_writes_few_rows(gateway: GatewayProjection, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []

    def add(count: int, _: object) -> None:
        counted.append(count)

    monkeypatch.setattr(metrics, "CORRECTIONS", SimpleNamespace(add=add))
    with guarded(gateway), gateway.client() as client, client.pipeline() as pipeline:
        for place in range(1000):
            record = GatewayRecord(f"device-session-{place}", "user-1", client_public_key().base64, "active")
            pipeline.xadd(gateway.keys.stream, {**encode_stream_entry(record)})
        pipeline.execute()
        gateway.until(lambda: sum(counted) == 1000, 20)
    (row,) = gateway.world.database.execute("select count(*) as rows from audit_events where event = $1", EVENT)
    assert row["rows"] <= 1000 / 10


def _position(gateway: GatewayProjection) -> str:
    return gateway.world.database.execute("select stream_position from projection_guard")[0]["stream_position"]


def _holder(gateway: GatewayProjection) -> str:
    return gateway.world.database.execute("select holder from projection_guard")[0]["holder"]
