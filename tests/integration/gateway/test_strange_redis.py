"""A gateway survives every answer of Redis. It says that it knows nothing, and follows again afterwards."""

from contextlib import suppress

import anyio
import pytest
import redis as redis_py

from clients.gateway.modes import FailClosed
from clients.gateway.redis_connection import RedisUnavailable
from clients.gateway.redis_server import RedisServer
from clients.gateway.replay import ReplayGuard
from clients.gateway.session_cache import Active, Unavailable
from tests.support.backends import on_both_backends
from tests.support.gateway_redis import GatewayRedis, become_ready, ready_cache, until
from tests.support.held_redis import held_redis
from tests.support.servers import temporary_redis
from tests.support.strange_redis import SLOW, STRANGE, Said, strange_redis

MET = [name for name in STRANGE if name not in SLOW][::3]


@on_both_backends
async def test_no_answer_of_redis_ends_a_gateway(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    with strange_redis(gateway_redis.port) as peer:
        async with ready_cache(gateway_redis, RedisServer(port=peer.port, timeout=1)) as cache:
            for name in MET:
                peer.say(STRANGE[name])
                await until(lambda: peer.met["default"] >= 1)
                assert isinstance(await cache.find(record.device_session_id), Active | Unavailable), name
            peer.say(None)
            await become_ready(gateway_redis, cache)
            assert await cache.find(record.device_session_id) == Active(record)


@on_both_backends
@pytest.mark.parametrize("text", [b"+QUEUED\r\n", b":0\r\n", b"*0\r\n", b"$2\r\nNO\r\n"])
async def test_a_request_is_taken_only_if_redis_says_so(gateway_redis: GatewayRedis, text: bytes) -> None:
    with strange_redis(gateway_redis.port) as peer:
        async with ready_cache(gateway_redis, RedisServer(port=peer.port, timeout=1), mode=FailClosed()) as cache:
            guard = ReplayGuard(cache, life=60)
            everything_else = {b"XREAD", b"XINFO", b"HGETALL", b"INFO", b"HMGET", b"GET"}
            peer.say(Said(text), spared=everything_else)
            assert await guard.take("device-session-1", "request-1") == "unavailable"


@on_both_backends
async def test_a_gateway_leaves_a_demoted_primary_whose_connection_stays_open(gateway_redis: GatewayRedis) -> None:
    with temporary_redis() as demoted, redis_py.Redis(port=demoted.port) as administrator:
        writer = GatewayRedis(demoted.port)
        async with held_redis(demoted.port) as proxy, ready_cache(writer, proxy.server) as cache:
            administrator.execute_command("REPLICAOF", "127.0.0.1", gateway_redis.port)
            proxy.target = gateway_redis.port
            with suppress(RedisUnavailable):  # READONLY, unless the gateway has left already: its XREAD was UNBLOCKED
                await cache.execute("SET", "gateway:replay:2", 1, "NX", "PX", 1000)

            async def is_taken() -> bool:
                try:
                    return await cache.execute("SET", "gateway:replay:1", 1, "NX", "PX", 60_000) == b"OK"
                except RedisUnavailable:
                    return False

            await until(is_taken)
        writer.close()


@on_both_backends
async def test_a_gateway_leaves_a_server_whose_beats_have_stopped_if_its_address_leads_elsewhere(
    gateway_redis: GatewayRedis,
) -> None:
    record = gateway_redis.session()
    with temporary_redis() as alone:
        writer = GatewayRedis(alone.port)
        mode = FailClosed(patience=0.2)
        async with held_redis(alone.port) as proxy, ready_cache(writer, proxy.server, mode=mode) as cache:
            proxy.target = gateway_redis.port
            with anyio.fail_after(10):
                while await cache.find(record.device_session_id) != Active(record):
                    gateway_redis.beat()
                    await anyio.sleep(0.01)
        writer.close()
