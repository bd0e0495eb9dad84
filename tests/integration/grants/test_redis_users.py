"""The ACL users of the embedded Redis (SPEC §1.2): each logs in and tries what it must not do."""

from collections.abc import Callable, Iterator

import pytest
from redis import AuthenticationError, Redis
from redis.exceptions import NoPermissionError, ResponseError

from authsession.embedded.redis import EmbeddedRedis
from tests.support.servers import temporary_redis
from tests.support.stack import REDIS_PASSWORD, redis_users

RECORD, STREAM, PROJECTION = "gateway:session:device-session-1", "gateway:session_events", "gateway:projection"
Act = Callable[[Redis], object]


def command(*words: str) -> Act:
    def act(client: Redis) -> None:
        client.execute_command(*words)

    return act


NOBODY_MAY: dict[str, Act] = {
    "flushall": lambda client: client.flushall(),
    "flushdb": lambda client: client.flushdb(),
    "config set": lambda client: client.config_set("appendonly", "no"),
    "acl list": lambda client: client.acl_list(),
    "shutdown": command("SHUTDOWN", "NOSAVE"),
    "keys": lambda client: client.keys("*"),
    "a key of somebody else": lambda client: client.get("other:key"),
    "replicaof": command("REPLICAOF", "NO", "ONE"),
    "delete": lambda client: client.delete(RECORD),
    "trim the stream": lambda client: client.xtrim(STREAM, maxlen=0),
    "a script that was not loaded": lambda client: client.eval("return 1", 0),
    "make a record of the stream": lambda client: client.set(STREAM, "x"),
    "make a record of the projection": lambda client: client.set(PROJECTION, "x"),
    "make a stream of a record": lambda client: client.xadd(RECORD, {"status": "active"}),
    "make a hash of a record": lambda client: client.hset(RECORD, "status", "active"),
    "monitor": command("MONITOR"),
}
THE_GATEWAY_MAY_NOT: dict[str, Act] = {
    "write a record": lambda client: client.set(RECORD, "{}"),
    "write a record beside a replay key": lambda client: client.mset({RECORD: "{}", "gateway:replay:1": "1"}),
    "write the stream": lambda client: client.xadd(STREAM, {"status": "active"}),
    "write the projection": lambda client: client.hset(PROJECTION, "epoch", "mine"),
    "load a script": lambda client: client.script_load("return redis.call('set', KEYS[1], '1')"),
    "read a rate limit": lambda client: client.get("authsession:rate:1"),
}


THE_PUBLIC_MAY_NOT: dict[str, Act] = {
    "read an operators' rate limit": lambda client: client.get("control-plane:authsession:rate:all:192.0.2.1"),
    "write an operators' rate limit": lambda client: client.set("control-plane:authsession:rate:all:192.0.2.1", 1),
    "write a replay key": lambda client: client.set("gateway:replay:1", 1),
    "list keys": lambda client: client.scan(),
    "read the stream": lambda client: client.xrange(STREAM),
}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with temporary_redis(users=redis_users()) as running:
        yield running


def client(server: EmbeddedRedis, user: str | None) -> Redis:
    return Redis(port=server.port, username=user, password=user and REDIS_PASSWORD, decode_responses=True)


@pytest.mark.parametrize("act", NOBODY_MAY.values(), ids=NOBODY_MAY.keys())
@pytest.mark.parametrize("user", ["public", "internal", "gateway"])
def test_no_user_may(server: EmbeddedRedis, user: str, act: Act) -> None:
    with client(server, user) as connected, pytest.raises(NoPermissionError):
        act(connected)


@pytest.mark.parametrize("act", THE_GATEWAY_MAY_NOT.values(), ids=THE_GATEWAY_MAY_NOT.keys())
def test_the_gateway_may_not(server: EmbeddedRedis, act: Act) -> None:
    with client(server, "gateway") as gateway, pytest.raises(NoPermissionError):
        act(gateway)


@pytest.mark.parametrize("act", THE_PUBLIC_MAY_NOT.values(), ids=THE_PUBLIC_MAY_NOT.keys())
def test_the_public_service_may_not(server: EmbeddedRedis, act: Act) -> None:
    with client(server, "public") as public, pytest.raises(NoPermissionError):
        act(public)


def test_the_gateway_reads_what_the_services_wrote_and_writes_its_replay_keys(server: EmbeddedRedis) -> None:
    with client(server, "public") as public, client(server, "gateway") as gateway:
        public.set(RECORD, '{"status":"active"}')
        public.hset(PROJECTION, "state", "complete")
        public.xadd(STREAM, {"status": "active"})
        assert gateway.get(RECORD) == '{"status":"active"}'
        assert gateway.hget(PROJECTION, "state") == "complete"
        assert [fields for _, fields in gateway.xrange(STREAM) or ()] == [{"status": "active"}]
        assert gateway.set("gateway:replay:device-session-1:request-1", "1", nx=True, px=60_000)
        assert not gateway.set("gateway:replay:device-session-1:request-1", "1", nx=True, px=60_000)


def test_a_script_of_a_service_cannot_do_what_its_user_may_not(server: EmbeddedRedis) -> None:
    refusals = r"NOPERM|ACL|can't run this command"  # the last in the words of Redis 7.0
    with client(server, "public") as public, pytest.raises(ResponseError, match=refusals):
        public.evalsha(public.script_load("return redis.call('del', KEYS[1])"), 1, RECORD)


def test_only_the_public_service_touches_its_rate_limits(server: EmbeddedRedis) -> None:
    with client(server, "public") as public, client(server, "internal") as internal:
        public.set("authsession:rate:1", "1")
        with pytest.raises(NoPermissionError):
            internal.get("authsession:rate:1")


def test_nobody_gets_in_without_a_password(server: EmbeddedRedis) -> None:
    with client(server, None) as nobody, pytest.raises(AuthenticationError):
        nobody.ping()
