"""Laws of Redis calls: right answers, bounded failures, recovery without a restart, no answer to the wrong caller."""

import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
import redis as redis_py
import trio

import shared.io.redis
from authsession.embedded.redis import EmbeddedRedis
from shared.io.redis import Redis, open_redis
from shared.kernel.faults import ConfigurationError, DependencyUnavailable
from tests.integration.io.faults import counting_proxy, paused
from tests.support.servers import temporary_redis

TIMEOUT = timedelta(seconds=0.5)
BOUND = 1.5  # some room for a busy machine
AS_IT_IS: Callable[[Any], Any] = lambda reply: reply  # noqa: E731 - no name could say more
ECHO = "redis.call('SET', KEYS[1], ARGV[1]) return ARGV[1]"


@pytest.fixture
async def client(fragile_redis: EmbeddedRedis) -> AsyncIterator[Redis]:
    async with open_redis(fragile_redis.address, timeout=TIMEOUT) as client:
        await client.run_script("redis.call('FLUSHALL')", [], [], AS_IT_IS)
        yield client


async def count_clients(client: Redis) -> int:
    return int((await client.info("clients"))["connected_clients"])


async def is_available(client: Redis) -> bool:
    started = time.monotonic()
    try:
        await client.ping()
    except DependencyUnavailable:
        return False
    else:
        return True
    finally:
        assert time.monotonic() - started < BOUND


async def test_verbs_answer_as_redis_does(client: Redis) -> None:
    assert await client.run_script(
        "redis.call('SET', KEYS[1], ARGV[1]) return {1, ARGV[1]}", ["a"], [b"\x00\xff"], AS_IT_IS
    ) == [
        1,
        b"\x00\xff",
    ]
    await client.run_script("redis.call('HSET', KEYS[1], 'f', ARGV[1])", ["h"], ["v"], AS_IT_IS)
    assert await client.get("a") == b"\x00\xff"
    assert await client.get("missing") is None
    assert await client.mget(["a", "missing"]) == [b"\x00\xff", None]
    assert await client.mget([]) == []
    assert await client.hgetall("h") == {b"f": b"v"}
    assert await client.hgetall("missing") == {}
    assert len((await client.info("server"))["run_id"]) == 40


async def test_scan_finds_every_key_that_stays(client: Redis) -> None:
    await client.run_script(
        "for i = 1, 2500 do redis.call('SET', 'scan:' .. i, i) end redis.call('SET', 'x', 1)", [], [], AS_IT_IS
    )
    found = [key async for keys in client.scan("scan:*", count=100) for key in keys]
    assert set(found) == {b"scan:%d" % number for number in range(1, 2501)}


async def test_a_script_that_redis_forgot_is_loaded_again(client: Redis, fragile_redis: EmbeddedRedis) -> None:
    assert await client.run_script(ECHO, ["a"], ["1"], AS_IT_IS) == b"1"
    with redis_py.Redis(port=fragile_redis.port) as administrator:
        administrator.script_flush()
    assert await client.run_script(ECHO, ["a"], ["2"], AS_IT_IS) == b"2"


async def test_concurrent_commands_share_round_trips(fragile_redis: EmbeddedRedis) -> None:
    async with counting_proxy(fragile_redis.port) as proxy, open_redis(f"127.0.0.1:{proxy.port}") as client:
        await client.ping()
        before = proxy.round_trips
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(client.get, "a")
        assert proxy.round_trips - before < 10


async def test_a_refusal_is_unavailable_and_keeps_its_code_only(client: Redis) -> None:
    """Also of a script with a bug: what Redis answers ends no process."""
    await client.run_script(ECHO, ["a"], ["1"], AS_IT_IS)
    refused = {
        "return redis.call('HGETALL', 'a')": "WRONGTYPE",
        "syntax error": "ERR",
        "return redis.call('NO')": "ERR",
    }
    for script, reason in refused.items():
        with pytest.raises(DependencyUnavailable) as fault:
            await client.run_script(script, [], [], AS_IT_IS)
        assert fault.value.reason == reason
    assert await is_available(client)


async def test_a_refusal_renews_the_connection_once_it_has_stood_for_a_second(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connection_id() -> int:
        return int((await client.info("stats"))["total_connections_received"])

    async def be_refused() -> None:
        with pytest.raises(DependencyUnavailable):
            await client.hgetall("a")

    await client.run_script(ECHO, ["a"], ["1"], AS_IT_IS)
    before = await connection_id()
    await be_refused()
    assert await connection_id() == before
    monkeypatch.setattr(shared.io.redis, "RENEWAL", timedelta(0))
    await be_refused()
    assert await connection_id() == before + 1
    assert await count_clients(client) == 1


async def test_calls_that_wait_on_a_renewed_connection_get_their_answers(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.io.redis, "RENEWAL", timedelta(0))
    await client.run_script(ECHO, ["a"], ["1"], AS_IT_IS)
    answers: list[bytes | None] = []

    async def ask() -> None:
        answers.append(await client.get("a"))

    async def be_refused() -> None:
        with pytest.raises(DependencyUnavailable):
            await client.hgetall("a")

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
            nursery.start_soon(be_refused)
    assert answers == [b"1"] * 20


async def test_a_full_redis_is_unavailable() -> None:
    with temporary_redis() as server:
        async with open_redis(server.address) as client:
            with redis_py.Redis(port=server.port) as administrator:
                administrator.config_set("maxmemory", 1)
            with pytest.raises(DependencyUnavailable):
                await client.run_script(ECHO, ["a"], ["1"], AS_IT_IS)


@pytest.mark.parametrize(
    "said",
    [
        b"-OOM command not allowed when used memory > 'maxmemory'.",
        b"-READONLY You can't write against a read only replica.",
        b"-NOREPLICAS Not enough good replicas to write.",
    ],
)
async def test_a_fault_of_a_command_within_a_script_is_unavailable_before_redis_7_too(said: bytes) -> None:
    """As Redis 6.2.14 says it."""
    answer = b"-ERR Error running script (call to f_d8f2): @user_script:1: @user_script: 1: %b\r\n" % said

    async def refuse(stream: trio.SocketStream) -> None:
        async for _ in stream:
            await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, refuse, 0)
        port = listeners[0].socket.getsockname()[1]
        async with open_redis(f"127.0.0.1:{port}", timeout=TIMEOUT) as client:
            with pytest.raises(DependencyUnavailable):
                await client.run_script(ECHO, ["a"], ["1"], AS_IT_IS)
        nursery.cancel_scope.cancel()


async def test_a_cancelled_task_sends_nothing(client: Redis) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await client.run_script(ECHO, ["cancelled"], ["1"], AS_IT_IS)
    assert scope.cancelled_caught
    assert await client.get("cancelled") is None


async def test_in_a_cancel_storm_every_answer_reaches_its_caller_and_one_connection_remains(client: Redis) -> None:
    moments = random.Random(2)
    answers: list[bool] = []

    async def ask(number: int) -> None:
        with trio.move_on_after(moments.uniform(0, 0.03)):
            for turn in range(20):
                expected = f"{number}-{turn}".encode()
                answers.append(await client.run_script(ECHO, [f"storm:{number}"], [expected], AS_IT_IS) == expected)
                await trio.lowlevel.checkpoint()

    for _ in range(5):
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(ask, number)
    assert len(answers) > 500
    assert all(answers)
    assert await is_available(client)
    assert await count_clients(client) == 1


async def test_a_client_opens_without_redis_and_serves_when_it_comes(fragile_redis: EmbeddedRedis) -> None:
    fragile_redis.stop()
    async with open_redis(fragile_redis.address, timeout=TIMEOUT) as client:
        for _ in range(3):
            assert not await is_available(client)
        await trio.to_thread.run_sync(fragile_redis.start)
        for _ in range(3):
            assert await is_available(client)


async def test_a_killed_server_fails_waiting_calls_at_once_and_is_found_again(
    client: Redis, fragile_redis: EmbeddedRedis
) -> None:
    async def ask_for_ever() -> None:
        while True:
            await client.run_script(ECHO, ["a"], ["1"], AS_IT_IS)

    async def ask_until_refused() -> None:
        with pytest.raises(DependencyUnavailable):
            await ask_for_ever()

    for _ in range(3):
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(ask_until_refused)
            await trio.sleep(0.1)
            await trio.to_thread.run_sync(fragile_redis.kill)
        assert not await is_available(client)
        await trio.to_thread.run_sync(fragile_redis.start)
        assert await is_available(client)
        assert await count_clients(client) == 1


async def test_a_paused_server_fails_in_time_and_gives_no_late_answer_to_another(
    client: Redis, fragile_redis: EmbeddedRedis
) -> None:
    async def refused(number: int) -> None:
        started = time.monotonic()
        with pytest.raises(DependencyUnavailable):
            await client.run_script(ECHO, ["paused"], [str(number)], AS_IT_IS)
        assert time.monotonic() - started < BOUND

    assert await is_available(client)
    with paused(fragile_redis.pid):
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(refused, number)
    for number in range(100):
        assert await client.run_script(ECHO, ["after"], [str(number)], AS_IT_IS) == str(number).encode()
    assert await count_clients(client) == 1


async def test_a_ping_does_not_wait_for_a_silent_server_nor_end_the_calls_that_do(
    fragile_redis: EmbeddedRedis,
) -> None:
    answers: list[bytes] = []

    async def call(client: Redis) -> None:
        answers.append(await client.run_script(ECHO, ["slow"], ["1"], AS_IT_IS))

    async with open_redis(fragile_redis.address, timeout=timedelta(seconds=10)) as client, trio.open_nursery() as calls:
        await client.ping()
        with paused(fragile_redis.pid):
            calls.start_soon(call, client)
            started = time.monotonic()
            with pytest.raises(DependencyUnavailable):
                await client.ping()
            assert time.monotonic() - started < 2
        with trio.fail_after(5):
            while not answers:
                await trio.sleep(0.01)
        await client.ping()
        assert await count_clients(client) == 1
    assert answers == [b"1"]


async def test_a_cancelled_program_may_still_finish_what_it_shields(fragile_redis: EmbeddedRedis) -> None:
    with trio.CancelScope() as program:
        async with open_redis(fragile_redis.address, timeout=TIMEOUT) as client:
            await client.ping()
            program.cancel()
            with trio.CancelScope(shield=True):
                await trio.sleep(0.05)
                assert await client.run_script(ECHO, ["last"], ["step"], AS_IT_IS) == b"step"
            await trio.lowlevel.checkpoint()
    assert program.cancelled_caught


async def test_a_closed_client_is_unavailable_and_the_exception_of_the_body_is_its_own(
    fragile_redis: EmbeddedRedis,
) -> None:
    error = KeyError("of the body")
    clients: list[Redis] = []

    async def fail() -> None:
        async with open_redis(fragile_redis.address) as client:
            clients.append(client)
            await client.ping()
            raise error

    with pytest.raises(KeyError) as caught:
        await fail()
    assert caught.value is error
    with pytest.raises(DependencyUnavailable):
        await clients[0].ping()


async def test_a_user_with_a_password_reaches_only_what_it_may() -> None:
    users = ("user default off", "user public on >a-password-of-public ~public:* +@all")
    with temporary_redis(users=users) as server:
        async with open_redis(server.address, username="public", password="a-password-of-public", db=1) as client:
            assert await client.run_script(ECHO, ["public:a"], ["1"], AS_IT_IS) == b"1"
            with pytest.raises(DependencyUnavailable):
                await client.get("private:a")


async def test_a_wrong_password_is_unavailable_and_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    with temporary_redis(users=("user default on >the-right-one ~* +@all",)) as server, caplog.at_level(logging.DEBUG):
        async with open_redis(server.address, password="the-wrong-one") as client:
            with pytest.raises(DependencyUnavailable):
                await client.ping()
            assert "the-wrong-one" not in repr(client)
    assert "redis is unavailable" in caplog.text
    assert "the-wrong-one" not in caplog.text


@pytest.mark.parametrize("said", [b"-ERR max number of clients reached\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
@pytest.mark.parametrize("password", [None, "a-password"])
async def test_a_server_that_turns_us_away_is_unavailable(said: bytes, password: str | None) -> None:
    async def turn_away(stream: trio.SocketStream) -> None:
        await stream.send_all(said)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, turn_away, 0)
        port = listeners[0].socket.getsockname()[1]
        async with open_redis(f"127.0.0.1:{port}", password=password, timeout=TIMEOUT) as client:
            for _ in range(10):
                assert not await is_available(client)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("address", ["", "redis://127.0.0.1", "unix:relative", "127.0.0.1:port"])
async def test_an_address_that_can_never_work_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        async with open_redis(address):
            pass
