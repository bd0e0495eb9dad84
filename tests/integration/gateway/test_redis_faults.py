"""Redis restarts, refuses, or is flushed, trimmed, paused or replaced. Gateways miss no revocation and recover."""

import os
import signal
import ssl
from pathlib import Path

import anyio
import pytest

from clients.gateway.modes import FailStatic
from clients.gateway.notices import Forgot, Lost, Refused
from clients.gateway.redis_connection import RedisRefused
from clients.gateway.redis_server import RedisServer
from clients.gateway.session_cache import Active, Revoked, SessionCache, Unavailable, open_session_cache
from contracts.gateway import GatewayRecord
from tests.integration.io.tls import create_certificate
from tests.support.backends import on_both_backends
from tests.support.gateway_redis import WATCH, GatewayRedis, become_ready, ready_cache, revocation, until
from tests.support.held_redis import CLOSED, HeldRedis, held_redis
from tests.support.servers import temporary_redis
from tests.support.stack import REDIS_PASSWORD, redis_users


@on_both_backends
async def test_a_revocation_while_the_connection_is_cut_is_heard_before_anybody_is_answered(
    gateway_redis: GatewayRedis,
) -> None:
    record = gateway_redis.session()
    async with held_redis(gateway_redis.port) as proxy, ready_cache(gateway_redis, proxy.server) as cache:
        await cache.find(record.device_session_id)
        proxy.target = CLOSED
        proxy.cut()
        await until(lambda: cache.problem() == "not_connected")
        assert await cache.find(record.device_session_id) == Unavailable("not_connected")
        gateway_redis.revoke(record)
        proxy.target = gateway_redis.port
        await until(lambda: cache.problem() != "not_connected")
        assert await cache.find(record.device_session_id) == Revoked(revocation(record))


async def miss_the_revocation(
    record: GatewayRecord, gateway_redis: GatewayRedis, proxy: HeldRedis, cache: SessionCache
) -> None:
    """Makes a cache miss a revocation: it knows the session as active, and while its connection is cut the session is
    revoked and the stream trimmed.
    """
    await cache.find(record.device_session_id)
    proxy.target = CLOSED
    proxy.cut()
    await until(lambda: cache.problem() == "not_connected")
    gateway_redis.revoke(record)
    gateway_redis.session()
    gateway_redis.client.xtrim(gateway_redis.keys.stream, maxlen=1, approximate=False)
    proxy.target = gateway_redis.port
    await become_ready(gateway_redis, cache)


@on_both_backends
async def test_a_revocation_that_was_trimmed_from_the_stream_unread_is_not_missed(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    notices: list[object] = []
    async with (
        held_redis(gateway_redis.port) as proxy,
        ready_cache(gateway_redis, proxy.server, on_notice=notices.append) as cache,
    ):
        await miss_the_revocation(record, gateway_redis, proxy, cache)
        assert Forgot("stream_trimmed") in notices
        assert await cache.find(record.device_session_id) == Revoked(revocation(record))


@on_both_backends
async def test_a_flushed_redis_says_nothing_until_it_is_rebuilt(gateway_redis: GatewayRedis) -> None:
    active, revoked = gateway_redis.session(), gateway_redis.session()
    async with ready_cache(gateway_redis) as cache:
        await cache.find(active.device_session_id)
        await cache.find(revoked.device_session_id)
        gateway_redis.client.flushall()
        await until(lambda: cache.problem() == "not_verified")
        assert await cache.find(active.device_session_id) == Unavailable("not_verified")
        gateway_redis.begin("epoch-2", "rebuilding")
        gateway_redis.publish(revocation(revoked))
        await become_ready(gateway_redis, cache)
        assert await cache.find(active.device_session_id) == Unavailable("rebuilding")
        assert await cache.find(revoked.device_session_id) == Revoked(revocation(revoked))
        gateway_redis.publish(active, announce=False)
        assert await cache.find(active.device_session_id) == Active(active)


@on_both_backends
async def test_a_restarted_redis_is_not_believed_before_a_keeper_has_looked_at_it() -> None:
    with temporary_redis(persistent=True) as server:
        redis = GatewayRedis(server.port)
        record = redis.session()
        redis.client.config_set("appendfsync", "always")
        async with ready_cache(redis) as cache:
            await cache.find(record.device_session_id)
            await anyio.to_thread.run_sync(server.kill)
            await until(lambda: cache.problem() == "not_connected")
            await anyio.to_thread.run_sync(server.start)
            await until(lambda: cache.problem() == "not_verified")
            assert await cache.find(record.device_session_id) == Unavailable("not_verified")
            await become_ready(redis, cache)
            assert await cache.find(record.device_session_id) == Active(record)
        redis.close()


@on_both_backends
async def test_a_failover_to_older_data_revives_nobody_who_was_heard_of(gateway_redis: GatewayRedis) -> None:
    record, unheard = gateway_redis.session(), gateway_redis.session()
    with temporary_redis() as other_server:
        other = GatewayRedis(other_server.port)
        other.beat_now = gateway_redis.beat_now
        other.begin("epoch-1")
        other.publish(record)
        other.publish(unheard)
        async with held_redis(gateway_redis.port) as proxy, ready_cache(gateway_redis, proxy.server) as cache:
            gateway_redis.revoke(record)
            await until(lambda: cache.is_revoked(record.device_session_id))
            proxy.target = other.port
            proxy.cut()
            await until(lambda: cache.problem() == "not_verified")
            assert await cache.find(unheard.device_session_id) == Unavailable("not_verified")
            other.publish(revocation(unheard))  # the keeper's first pass, before its first beat
            await become_ready(other, cache)
            assert await cache.find(unheard.device_session_id) == Revoked(revocation(unheard))
            assert await cache.find(record.device_session_id) == Revoked(revocation(record))
        other.close()


@on_both_backends
async def test_an_empty_redis_after_a_failover_authenticates_nobody(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    with temporary_redis() as empty:
        async with held_redis(gateway_redis.port) as proxy, ready_cache(gateway_redis, proxy.server) as cache:
            await cache.find(record.device_session_id)
            proxy.target = empty.port
            proxy.cut()
            await until(lambda: cache.problem() == "not_verified")
            await anyio.sleep(5 * WATCH)
            assert await cache.find(record.device_session_id) == Unavailable("not_verified")


@on_both_backends
async def test_fail_static_serves_on_through_a_restart_what_it_knew_but_never_the_revoked(
    gateway_redis: GatewayRedis,
) -> None:
    active, revoked = gateway_redis.session(), gateway_redis.session()
    mode = FailStatic(serve_known_for=30)
    async with held_redis(gateway_redis.port) as proxy, ready_cache(gateway_redis, proxy.server, mode=mode) as cache:
        for record in (active, revoked):
            await cache.find(record.device_session_id)
        gateway_redis.revoke(revoked)
        await until(lambda: cache.is_revoked(revoked.device_session_id))
        proxy.target = CLOSED
        proxy.cut()
        await until(lambda: cache.problem() == "not_connected")
        assert await cache.find(active.device_session_id) == Active(active, is_static=True)
        assert await cache.find(revoked.device_session_id) == Revoked(revocation(revoked))
        proxy.target = gateway_redis.port
        await become_ready(gateway_redis, cache)
        assert await cache.find(active.device_session_id) == Active(active)


@on_both_backends
async def test_fail_static_serves_nobody_whose_revocation_was_missed_long_ago(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    mode = FailStatic(patience=0.2, serve_known_for=0.5)
    async with held_redis(gateway_redis.port) as proxy, ready_cache(gateway_redis, proxy.server, mode=mode) as cache:
        await miss_the_revocation(record, gateway_redis, proxy, cache)
        for _ in range(12):  # all is well for longer than it serves; nobody asks for the session
            await anyio.sleep(0.05)
            await become_ready(gateway_redis, cache)
            gateway_redis.beat()
        proxy.target = CLOSED
        proxy.cut()
        await until(lambda: cache.problem() == "not_connected")
        assert await cache.find(record.device_session_id) == Unavailable("not_connected")


@on_both_backends
async def test_a_redis_that_takes_no_replay_keys_is_told_once(gateway_redis: GatewayRedis) -> None:
    notices: list[object] = []
    async with ready_cache(gateway_redis, on_notice=notices.append) as cache:
        gateway_redis.client.config_set("maxmemory", 1)
        try:
            for number in range(3):
                with pytest.raises(RedisRefused, match="OOM"):
                    await cache.execute("SET", cache.keys.replay("device-session-1", str(number)), 1, "NX")
        finally:
            gateway_redis.client.config_set("maxmemory", 0)
        assert [notice for notice in notices if isinstance(notice, Refused)] == [Refused("OOM")]


@on_both_backends
async def test_a_paused_redis_delays_nobody_longer_than_its_timeout() -> None:
    with temporary_redis() as server:
        redis = GatewayRedis(server.port)
        record = redis.session()
        async with ready_cache(redis, RedisServer(port=server.port, timeout=0.3)) as cache:
            os.kill(server.pid, signal.SIGSTOP)
            try:
                with anyio.fail_after(1):
                    assert await cache.find(record.device_session_id) == Unavailable("not_connected")
                await until(lambda: cache.problem() == "not_connected")
            finally:
                os.kill(server.pid, signal.SIGCONT)
            await become_ready(redis, cache)
            assert await cache.find(record.device_session_id) == Active(record)
        redis.close()


@on_both_backends
async def test_the_acl_user_of_gateways_may_all_that_a_gateway_does() -> None:
    with temporary_redis(users=redis_users()) as server:
        gateway = RedisServer(port=server.port, username="gateway", password=REDIS_PASSWORD)
        notices: list[object] = []
        async with open_session_cache(gateway, watch=WATCH, on_notice=notices.append) as cache:
            await until(lambda: cache.problem() == "not_verified")
            assert await cache.execute("SET", cache.keys.replay("device-session-1", "1"), 1, "NX", "PX", 1000) == b"OK"
        wrong = RedisServer(port=server.port, username="gateway", password="another")
        async with open_session_cache(wrong, watch=WATCH, on_notice=notices.append):
            await until(lambda: Lost("WRONGPASS") in notices)


@on_both_backends
async def test_redis_is_spoken_to_over_tls_and_only_if_its_certificate_is_right(
    gateway_redis: GatewayRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = create_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    notices: list[object] = []
    async with held_redis(gateway_redis.port, tls=context) as proxy:
        server = RedisServer(port=proxy.port, tls=True)
        async with open_session_cache(server, on_notice=notices.append):
            await until(lambda: Lost("SSLCertVerificationError") in notices)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
        record = gateway_redis.session()
        async with ready_cache(gateway_redis, server) as cache:
            assert await cache.find(record.device_session_id) == Active(record)


@on_both_backends
async def test_redis_is_spoken_to_over_a_unix_socket(gateway_redis: GatewayRedis, tmp_path: Path) -> None:
    record = gateway_redis.session()
    path = tmp_path / "redis.sock"
    server = RedisServer.at(f"unix:{path}")
    async with held_redis(gateway_redis.port, unix_path=path), ready_cache(gateway_redis, server) as cache:
        assert await cache.find(record.device_session_id) == Active(record)
