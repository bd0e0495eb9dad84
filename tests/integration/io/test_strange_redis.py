"""Each use of Redis ends as a value of the right form or as an unavailable Redis, whatever it answers, and recovers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import redis as redis_py
import trio

from authsession.embedded.redis import EmbeddedRedis
from contracts.gateway import GatewayKeys
from shared.io.postgres import Postgres
from shared.io.redis import Redis, open_redis
from shared.kernel.device_session import DeviceSession
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.rate import Rate
from shared.projection.epoch import Seen
from shared.projection.projection import Projection, StoredRecord
from shared.web.rate_limit import RateLimiter
from tests.support.builders import client_public_key
from tests.support.strange_redis import SLOW, STRANGE, StrangeRedis, strange_redis

PATIENCE = timedelta(seconds=0.1)
SESSION = DeviceSession("device-session-1", "user-1", client_public_key(), "active", datetime.now(UTC))
EVERYTHING, PING = frozenset[bytes](), frozenset({b"PING"})

Use = Callable[[], Awaitable[Any]]


@pytest.fixture(scope="module")
def peer(redis_server: EmbeddedRedis) -> Iterator[StrangeRedis]:
    with strange_redis(redis_server.port) as peer:
        yield peer


@pytest.fixture
async def redis(peer: StrangeRedis) -> AsyncIterator[Redis]:
    peer.say(None)
    async with open_redis(peer.address, password=None, timeout=PATIENCE) as client:
        yield client


def uses_of(redis: Redis, projection: Projection) -> dict[str, tuple[Use, Callable[[Any], bool]]]:
    """Each question that the product asks, and whether a value is of the form that its callers count on."""

    async def scan() -> list[list[bytes]]:
        with trio.move_on_after(PATIENCE.total_seconds()):
            async with aclosing(redis.scan("*")) as pages:
                return [page async for page in pages]
        return []

    return {
        "ping": (redis.ping, lambda value: value is None),
        "get": (lambda: redis.get("a"), lambda value: value is None or type(value) is bytes),
        "mget": (lambda: redis.mget(["a", "b"]), lambda value: len(value) == 2),
        "hgetall": (lambda: redis.hgetall("h"), lambda value: type(value) is dict),
        "run_id": (redis.run_id, lambda value: type(value) is str),
        "scan": (scan, lambda value: all(type(key) is bytes for page in value for key in page)),
        "look": (projection.look, lambda value: isinstance(value, Seen)),
        "write": (lambda: projection.write([SESSION], "e1"), lambda value: value in ([], [SESSION])),
        "begin": (lambda: projection.begin("e1", 1), lambda value: value is None),
        "beat": (lambda: projection.beat("e1", 1, 2, "complete"), lambda value: type(value) is bool),
        "read": (
            lambda: projection.read(["device-session-1", "device-session-2"]),
            lambda value: len(value) == 2 and all(each is None or isinstance(each, StoredRecord) for each in value),
        ),
        "replace": (projection.replace_foreign_keys, lambda value: type(value) is bool),
    }


async def meets(use: Use, is_right: Callable[[Any], bool]) -> str | None:
    """The reason why Redis is unavailable; None: there was an answer of the right form."""
    try:
        assert is_right(await use())
    except DependencyUnavailable as fault:
        return fault.reason
    return None


@pytest.mark.parametrize(
    ("name", "spared"),
    [*((name, EVERYTHING) for name in STRANGE), *((name, PING) for name in STRANGE if name not in SLOW)],
)
async def test_each_use_meets_an_answer_that_nobody_listed_as_weather(
    peer: StrangeRedis, redis: Redis, name: str, spared: frozenset[bytes]
) -> None:
    projection = Projection(cast(Postgres, None), redis, GatewayKeys(), stream_maxlen=100)
    projection.adopt("e1", timedelta(days=365))
    uses = uses_of(redis, projection)
    peer.say(STRANGE[name], spared=spared)
    reasons: dict[str, str | None] = {}
    async with trio.open_nursery() as nursery:
        for use, (ask, is_right) in uses.items():
            if name not in SLOW:  # then one after the other would take too long
                reasons[use] = await meets(ask, is_right)
            else:
                nursery.start_soon(meets, ask, is_right)
    assert all(reason is None or (len(reason) < 40 and "@" not in reason) for reason in reasons.values())
    peer.say(None)
    with trio.fail_after(5):
        while await meets(redis.ping, lambda value: value is None) is not None:
            pass
    await projection.begin("e1", 1)
    assert await projection.write([SESSION], "e1") == []
    keys = [key async for page in redis.scan("gateway:session:*") for key in page]
    assert b"gateway:session:device-session-1" in keys  # beside what other tests left on this server


async def test_a_value_of_a_user_service_ends_no_connection(redis_server: EmbeddedRedis, redis: Redis) -> None:
    """A user id may hold what begins a large array elsewhere."""
    with redis_py.Redis(port=redis_server.port) as administrator:
        administrator.set("id:1", "user~20261128")
        administrator.set("large:1", b"x" * 1_000_000)
    assert await redis.get("id:1") == b"user~20261128"
    assert await redis.get("large:1") == b"x" * 1_000_000


@pytest.mark.parametrize("name", STRANGE)
async def test_a_rate_limit_goes_on_whatever_redis_answers(peer: StrangeRedis, redis: Redis, name: str) -> None:
    async with trio.open_nursery() as nursery:
        limiter = RateLimiter(redis, {"send": Rate(600, timedelta(minutes=1))}, key_prefix="rate:")
        await nursery.start(limiter.run)
        peer.say(STRANGE[name], spared={b"PING"})
        with trio.fail_after(2):
            for _ in range(3):
                assert await limiter.check("192.0.2.1", "send") is None
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("command", [("LPUSH", "x"), ("SET", "no arrival"), ("SET", "nan")])
async def test_a_rate_limit_whose_key_is_of_another_type_counts_anew_and_says_so(
    redis_server: EmbeddedRedis, caplog: pytest.LogCaptureFixture, command: tuple[str, str]
) -> None:
    verb, value = command
    with redis_py.Redis(port=redis_server.port) as administrator:
        administrator.delete("rate:send:192.0.2.9")
        administrator.execute_command(verb, "rate:send:192.0.2.9", value)
    async with open_redis(redis_server.address) as redis, trio.open_nursery() as nursery:
        limiter = RateLimiter(redis, {"send": Rate(2, timedelta(hours=1))}, key_prefix="rate:")
        await nursery.start(limiter.run)
        waits = [await limiter.check("192.0.2.9", "send") for _ in range(3)]
        nursery.cancel_scope.cancel()
    assert [wait is None for wait in waits] == [True, True, False]
    assert value == "nan" or "redis key of a rate limit replaced: it was of another type" in caplog.messages
