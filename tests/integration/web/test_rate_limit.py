"""The limiter on a real Redis: exact across replicas, one call for all that wait, and stricter without Redis."""

from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import trio

from authsession.embedded.redis import EmbeddedRedis
from shared.io.redis import Redis, open_redis
from shared.io.redis_replies import Read, nothing
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.rate import Rate
from shared.web.rate_limit import RateLimiter
from tests.integration.io.faults import paused
from tests.support.servers import temporary_redis

MINUTE = timedelta(minutes=1)


class CountedRedis:
    """A Redis that counts calls and can be taken away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.calls = 0
        self.is_away = False

    async def run_script(self, script: str, keys: Sequence[str], args: Sequence[str | int], read: Read[Any]) -> Any:
        self.calls += 1
        if self.is_away:
            raise DependencyUnavailable("redis")
        return await self._redis.run_script(script, keys, args, read)

    async def ping(self) -> None:
        if self.is_away:
            raise DependencyUnavailable("redis")
        await self._redis.ping()


@asynccontextmanager
async def limiter(
    server: EmbeddedRedis, rate: Rate | None, *, total: Rate | None = None
) -> AsyncGenerator[tuple[RateLimiter, CountedRedis]]:
    async with open_redis(server.address) as redis, trio.open_nursery() as nursery:
        counted = CountedRedis(redis)
        limiter = RateLimiter(counted, {"send": rate, "other": rate}, total=total, key_prefix="authsession:rate:")
        await nursery.start(limiter.run)
        yield limiter, counted
        nursery.cancel_scope.cancel()


async def passed(limiters: Sequence[RateLimiter], calls: int, network: str = "192.0.2.1", route: str = "send") -> int:
    """How many of `calls` concurrent checks pass, spread over `limiters`."""
    verdicts: list[timedelta | None] = []

    async def check(one: RateLimiter) -> None:
        verdicts.append(await one.check(network, route))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for number in range(calls):
                nursery.start_soon(check, limiters[number % len(limiters)])
    assert len(verdicts) == calls
    return verdicts.count(None)


async def test_two_replicas_together_let_exactly_the_limit_pass(redis: EmbeddedRedis) -> None:
    rate = Rate(60, timedelta(hours=10))
    async with limiter(redis, rate) as (one, _), limiter(redis, rate) as (other, _):
        assert await passed([one, other], 300) == 60
        assert await passed([one, other], 100) == 0


async def test_networks_and_routes_are_counted_apart(redis: EmbeddedRedis) -> None:
    async with limiter(redis, Rate(3, MINUTE)) as (one, _):
        for network in ("192.0.2.1", "192.0.2.2", "2001:db8::/56"):
            for route in ("send", "other"):
                assert await passed([one], 10, network, route) == 3


async def test_the_limit_on_all_together_counts_every_network_and_refuses_without_counting(
    redis: EmbeddedRedis,
) -> None:
    async with limiter(redis, Rate(3, MINUTE), total=Rate(5, timedelta(hours=10))) as (one, _):
        assert await passed([one], 10, "192.0.2.1") == 3
        assert await passed([one], 10, "192.0.2.2") == 2
        assert await passed([one], 10, "192.0.2.3") == 0
    async with limiter(redis, Rate(3, MINUTE)) as (without_total, _):
        assert (
            await passed([without_total], 10, "192.0.2.3") == 3
        )  # what the total refused was not counted on the network


async def test_the_wait_is_the_time_after_which_the_next_call_passes(redis: EmbeddedRedis) -> None:
    async with limiter(redis, Rate(2, timedelta(milliseconds=600))) as (one, _):
        assert await passed([one], 2) == 2
        wait = await one.check("192.0.2.1", "send")
        assert wait is not None
        assert timedelta(0) < wait <= timedelta(milliseconds=300)
        await trio.sleep(wait.total_seconds() + 0.005)
        assert await one.check("192.0.2.1", "send") is None
        assert await one.check("192.0.2.1", "send") is not None


async def test_checks_that_wait_at_one_moment_are_one_call(redis: EmbeddedRedis) -> None:
    async with limiter(redis, Rate(1000, MINUTE), total=Rate(1000, MINUTE)) as (one, counted):
        await one.check("192.0.2.1", "send")
        calls = counted.calls
        assert await passed([one], 100) == 100
        assert counted.calls - calls <= 2


async def test_a_key_goes_when_it_says_nothing_any_more(redis: EmbeddedRedis) -> None:
    async with limiter(redis, Rate(10, timedelta(seconds=2))) as (one, _), open_redis(redis.address) as store:
        await one.check("192.0.2.1", "send")
        assert await store.get("authsession:rate:send:192.0.2.1") is not None
        await trio.sleep(0.25)
        assert await store.get("authsession:rate:send:192.0.2.1") is None


async def test_a_limiter_that_is_off_asks_no_redis(redis: EmbeddedRedis) -> None:
    async with limiter(redis, None) as (one, counted):
        assert await passed([one], 100) == 100
        assert counted.calls == 0


async def test_without_redis_half_passes_and_afterwards_redis_counts_again(redis: EmbeddedRedis) -> None:
    async with limiter(redis, Rate(10, timedelta(hours=10))) as (one, counted):
        counted.is_away = True
        assert await passed([one], 50) == 5
        assert await passed([one], 50) == 0
        assert counted.calls == 1  # nobody waits for a Redis that is known to be away
        counted.is_away = False
        with trio.fail_after(5):
            while counted.calls == 1:
                await one.check("192.0.2.9", "send")
                await trio.sleep(0.1)
        assert await passed([one], 50) == 10


async def test_a_clock_that_went_back_locks_nobody_out(redis: EmbeddedRedis) -> None:
    async with limiter(redis, Rate(5, MINUTE)) as (one, _), open_redis(redis.address) as store:
        far = 4_000_000_000_000_000
        await store.run_script(
            "redis.call('SET', KEYS[1], ARGV[1])", ["authsession:rate:send:192.0.2.1"], [far], nothing
        )
        assert await passed([one], 10) == 5


@pytest.mark.parametrize("count", [1, 7, 10_000])
async def test_a_limit_of_any_count_holds(redis: EmbeddedRedis, count: int) -> None:
    async with limiter(redis, Rate(count, timedelta(hours=10))) as (one, _):
        assert await passed([one], min(count + 5, 300)) == min(count, 300)


async def test_a_silent_redis_costs_those_who_wait_half_a_second_and_the_next_nothing() -> None:
    with temporary_redis() as server:
        async with limiter(server, Rate(1000, MINUTE)) as (one, _):
            assert await one.check("192.0.2.1", "send") is None
            with paused(server.pid):
                assert await seconds_of(passed([one], 20)) < 1  # Redis itself is given two
                assert await seconds_of(passed([one], 20)) < 0.2
                await trio.sleep(3)
                assert await seconds_of(passed([one], 20)) < 0.2
            await trio.sleep(1.5)
            assert await passed([one], 20) == 20


async def seconds_of(passing: Awaitable[int]) -> float:
    """How long it took until all 20 had passed."""
    started = trio.current_time()
    assert await passing == 20
    return trio.current_time() - started
