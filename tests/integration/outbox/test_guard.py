"""Whatever is written to Redis that no session explains is corrected and told; what a change under way explains is not."""

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
from shared.outbox import guard, metrics
from shared.outbox.examination import EVENT
from shared.outbox.guard import ProjectionGuard
from shared.outbox.projection import gateway_record
from shared.outbox.reconciler import Reconciler
from tests.support.background import background
from tests.support.builders import client_public_key
from tests.support.gateway_projection import GatewayProjection

STRAY_ID = "device-session-00000000-0000-7000-8000-00000000000a"
Forge = Callable[[GatewayProjection, DeviceSession], None]


@pytest.fixture(autouse=True)
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass over all records every 50 ms."""
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
    running = background(lambda task_status: one.run(task_status=task_status))
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
    fields = {
        "device_session_id": session.device_session_id, "user_id": session.user_id,
        "client_public_key": session.client_public_key.base64, "status": "active", **changes,
    }  # fmt: skip
    return GatewayRecord(**fields)


def _set(gateway: GatewayProjection, record: GatewayRecord, *, key: str | None = None) -> None:
    with gateway.client() as client:
        client.set(key or gateway.keys.record(record.device_session_id), encode_record(record))


def _add(gateway: GatewayProjection, record: GatewayRecord) -> None:
    with gateway.client() as client:
        client.xadd(gateway.keys.stream, encode_stream_entry(record))  # pyright: ignore[reportArgumentType]


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
        pytest.param(lambda g, s: _set(g, _forged(s)), ("stale_active", "wrong_life"), id="active record"),
        pytest.param(
            lambda g, s: _set(g, _forged(s, client_public_key=client_public_key().base64)),
            ("stale_active", "different"), id="another key",
        ),
        pytest.param(lambda g, s: _set(g, _forged(s, user_id="user-x")), ("stale_active", "different"), id="another user"),
        pytest.param(lambda g, s: _add(g, _forged(s, user_id="user-x")), ("stale_active", "different"), id="entry"),
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
