"""Races while the answer to a read is under way, each with a barrier, on a real Redis."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from clients.gateway.session_cache import Active, Answer, Revoked, SessionCache
from contracts.gateway import GatewayRecord
from tests.support.backends import on_both_backends
from tests.support.gateway_redis import GatewayRedis, ready_cache, revocation, until
from tests.support.held_redis import held_redis


class HeldFind:
    """A `find` whose answer from Redis, already written there, has not arrived."""

    def __init__(self) -> None:
        self.answer: Answer | None = None

    async def run(self, find: Callable[[], Awaitable[Answer]]) -> None:
        self.answer = await find()


@asynccontextmanager
async def finding(
    redis: GatewayRedis, record: GatewayRecord, **options: Any
) -> AsyncGenerator[tuple[SessionCache, HeldFind]]:
    """Holds the answer until the body is done. Afterwards `find` has ended."""
    async with held_redis(redis.port) as proxy, ready_cache(redis, proxy.server, **options) as cache:
        held = HeldFind()
        async with anyio.create_task_group() as tasks:
            proxy.hold()
            tasks.start_soon(held.run, lambda: cache.find(record.device_session_id))
            await until(lambda: proxy.held)
            yield cache, held
            proxy.release()
        assert held.answer is not None


@on_both_backends
async def test_a_revocation_heard_during_a_read_outlives_what_was_read(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    async with finding(gateway_redis, record) as (cache, held):
        gateway_redis.revoke(record)
        await until(lambda: cache.is_revoked(record.device_session_id))
    assert held.answer == Revoked(revocation(record))


@on_both_backends
async def test_it_does_so_even_if_it_has_been_crowded_out_meanwhile(gateway_redis: GatewayRedis) -> None:
    record, others = gateway_redis.session(), [gateway_redis.session() for _ in range(5)]
    async with finding(gateway_redis, record, capacity=1) as (cache, held):
        for each in (record, *others):
            gateway_redis.revoke(each)
        await until(lambda: cache.is_revoked(others[-1].device_session_id))
        assert not cache.is_revoked(record.device_session_id)
    assert held.answer == Revoked(revocation(record))


@on_both_backends
async def test_a_read_from_before_all_was_forgotten_is_repeated(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    forgotten: list[object] = []
    async with finding(gateway_redis, record, on_notice=forgotten.append) as (_, held):
        forgotten.clear()
        gateway_redis.publish(revocation(record), announce=False)  # as after a loss: nobody announces it again
        gateway_redis.begin("epoch-2")
        await until(lambda: forgotten)
    assert held.answer == Revoked(revocation(record))


@on_both_backends
async def test_a_missing_record_that_was_revoked_meanwhile_is_revoked(gateway_redis: GatewayRedis) -> None:
    record = gateway_redis.session()
    gateway_redis.client.delete(gateway_redis.keys.record(record.device_session_id))
    async with finding(gateway_redis, record) as (cache, held):
        gateway_redis.revoke(record)
        await until(lambda: cache.is_revoked(record.device_session_id))
    assert held.answer == Revoked(revocation(record))


@on_both_backends
async def test_a_late_double_of_the_first_entry_revives_nobody(gateway_redis: GatewayRedis) -> None:
    record, marker = gateway_redis.session(), gateway_redis.session()
    async with ready_cache(gateway_redis) as cache:
        gateway_redis.revoke(record)
        gateway_redis.publish(record)  # the product never does; a gateway does not depend on it
        gateway_redis.revoke(marker)
        await until(lambda: cache.is_revoked(marker.device_session_id))
        assert await cache.find(record.device_session_id) == Revoked(revocation(record))


@on_both_backends
async def test_cancelled_callers_cost_nobody_else_anything(gateway_redis: GatewayRedis) -> None:
    records = [gateway_redis.session() for _ in range(100)]
    notices: list[object] = []
    async with held_redis(gateway_redis.port) as proxy, ready_cache(gateway_redis, proxy.server) as cache:
        proxy.hold()
        async with anyio.create_task_group() as tasks:
            for record in records:
                tasks.start_soon(cache.find, record.device_session_id)
            await until(lambda: proxy.held)
            tasks.cancel_scope.cancel()
        proxy.release()
        for record in records:
            assert await cache.find(record.device_session_id) == Active(record)
        assert notices == []
        assert cache._copy._readings == {}


@pytest.mark.parametrize("finders", [50])
@on_both_backends
async def test_of_many_who_ask_during_a_revocation_none_hears_active_after_it_was_heard(
    gateway_redis: GatewayRedis, finders: int
) -> None:
    for _ in range(4):
        record = gateway_redis.session()
        late: list[Answer] = []
        async with ready_cache(gateway_redis, capacity=2) as cache, anyio.create_task_group() as tasks:

            async def ask(
                cache: SessionCache = cache, record: GatewayRecord = record, late: list[Answer] = late
            ) -> None:
                for _ in range(4):
                    heard = cache.is_revoked(record.device_session_id)
                    answer = await cache.find(record.device_session_id)
                    if heard:
                        late.append(answer)

            for _ in range(finders):
                tasks.start_soon(ask)
            gateway_redis.revoke(record)
            await until(lambda cache=cache, record=record: cache.is_revoked(record.device_session_id))
            await ask()
        assert late
        assert all(isinstance(answer, Revoked) for answer in late)
