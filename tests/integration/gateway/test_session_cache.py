"""The cache on a real Redis, on trio and on asyncio: its answers, and the times when it must give none."""

import anyio
import pytest

from clients.gateway import follower
from clients.gateway.modes import FailClosed, FailStatic
from clients.gateway.redis_server import Credentials
from clients.gateway.session_cache import Active, Revoked, Unavailable, Unknown, open_session_cache
from tests.support.backends import on_both_backends
from tests.support.gateway_redis import WATCH, GatewayRedis, ready_cache, until
from tests.support.redis_bytes import stored


@on_both_backends
async def test_a_published_session_is_active(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    async with ready_cache(gateway_redis) as cache:
        assert await cache.find(record.device_session_id) == Active(record)


@on_both_backends
async def test_a_revocation_reaches_a_known_session_without_a_read(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    async with ready_cache(gateway_redis) as cache:
        await cache.find(record.device_session_id)
        revoked = gateway_redis.revoke(record)
        await until(lambda: cache.is_revoked(record.device_session_id))
        assert await cache.find(record.device_session_id) == Revoked(revoked)


@on_both_backends
async def test_a_known_session_costs_redis_nothing(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    async with ready_cache(gateway_redis) as cache:
        await cache.find(record.device_session_id)
        gateway_redis.client.delete(gateway_redis.keys.record(record.device_session_id))
        assert await cache.find(record.device_session_id) == Active(record)


@on_both_backends
async def test_a_missing_record_is_unknown_only_when_all_records_are_there(gateway_redis: GatewayRedis) -> None:
    async with ready_cache(gateway_redis) as cache:
        assert await cache.find("device-session-none") == Unknown()
        gateway_redis.begin("epoch-1", "rebuilding")
        assert await cache.find("device-session-none") == Unavailable("rebuilding")
        gateway_redis.begin("epoch-1")
        assert await cache.find("device-session-none") == Unknown()


@on_both_backends
async def test_nothing_is_said_before_a_keeper_has_looked_twice(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    async with open_session_cache(gateway_redis.server, watch=WATCH) as cache:
        assert await cache.find(record.device_session_id) == Unavailable("not_connected")
        await until(lambda: cache.problem() == "not_verified")
        gateway_redis.beat()
        await until(lambda: cache._following._moves == 1)
        assert await cache.find(record.device_session_id) == Unavailable("not_verified")
        gateway_redis.beat()
        with anyio.fail_after(5):
            await cache.ready()
        assert await cache.find(record.device_session_id) == Active(record)


@on_both_backends
async def test_fail_closed_says_unavailable_when_the_beat_stands_still(gateway_redis: GatewayRedis) -> None:
    known, revoked = gateway_redis.session(), gateway_redis.session()
    async with ready_cache(gateway_redis, mode=FailClosed(patience=0.3)) as cache:
        await cache.find(known.device_session_id)
        gateway_redis.revoke(revoked)
        await until(lambda: cache.problem() == "not_current")
        assert await cache.find(known.device_session_id) == Unavailable("not_current")
        assert isinstance(await cache.find(revoked.device_session_id), Revoked)  # that stays certain
        gateway_redis.beat()
        await until(lambda: cache.problem() is None)
        assert await cache.find(known.device_session_id) == Active(known)


@on_both_backends
async def test_fail_static_serves_what_is_known_for_so_long_and_says_so(gateway_redis: GatewayRedis) -> None:
    known, other = gateway_redis.session(), gateway_redis.session()
    notices: list[object] = []
    mode = FailStatic(patience=0.2, serve_known_for=0.6)
    async with ready_cache(gateway_redis, mode=mode, on_notice=notices.append) as cache:
        await cache.find(known.device_session_id)
        await until(lambda: cache.problem() == "not_current")
        assert await cache.find(known.device_session_id) == Active(known, is_static=True)
        assert await cache.find(other.device_session_id) == Unavailable("not_current")
        assert any("ServedStatic" in repr(notice) for notice in notices)
        await anyio.sleep(0.6)
        assert await cache.find(known.device_session_id) == Unavailable("not_current")


@on_both_backends
async def test_a_record_of_no_known_form_authenticates_nobody(gateway_redis: GatewayRedis) -> None:
    record, other = gateway_redis.session(), gateway_redis.session()
    async with ready_cache(gateway_redis) as cache:
        gateway_redis.client.set(gateway_redis.keys.record(record.device_session_id), "{}")
        assert await cache.find(record.device_session_id) == Unavailable("unreadable_record")
        theirs = stored(gateway_redis.client, gateway_redis.keys.record(other.device_session_id))
        assert theirs is not None
        gateway_redis.client.set(gateway_redis.keys.record(record.device_session_id), theirs)
        assert await cache.find(record.device_session_id) == Unavailable("unreadable_record")


@on_both_backends
async def test_the_local_copy_is_bounded(gateway_redis: GatewayRedis) -> None:
    records = [gateway_redis.session() for _ in range(20)]
    async with ready_cache(gateway_redis, capacity=5) as cache:
        for record in records:
            assert await cache.find(record.device_session_id) == Active(record)
        assert len(cache._copy) == 5
        for record in records:
            gateway_redis.revoke(record)
        await until(lambda: cache.is_revoked(records[-1].device_session_id))
        assert len(cache._copy) == 5
        for record in records:
            assert isinstance(await cache.find(record.device_session_id), Revoked)


@on_both_backends
async def test_a_refused_login_is_asked_for_anew(gateway_redis: GatewayRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node's own user of Redis gets another password, and its connections end."""
    monkeypatch.setattr(follower, "LOGIN_PAUSE", 0.1)
    record, passwords = gateway_redis.session(), ["first", "second"]
    asked: list[str] = []

    def give(password: str) -> None:
        gateway_redis.client.execute_command(
            "ACL", "SETUSER", "node-1", "resetpass", f">{password}", "on", "~*", "+@all"
        )

    async def login() -> Credentials:
        asked.append(passwords[len(asked)])
        return Credentials("node-1", asked[-1])

    give("first")
    try:
        async with open_session_cache(gateway_redis.server, watch=WATCH, login=login) as cache:
            await until(lambda: cache.problem() == "not_verified")
            give("second")
            gateway_redis.client.execute_command("CLIENT", "KILL", "USER", "node-1")
            await until(lambda: asked == ["first", "second"])
            for _ in range(3):
                await until(lambda: cache.problem() != "not_connected")
                gateway_redis.beat()
                await anyio.sleep(2 * WATCH)
            assert await cache.find(record.device_session_id) == Active(record)
    finally:
        gateway_redis.client.execute_command("ACL", "DELUSER", "node-1")
