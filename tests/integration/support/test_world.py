"""The world itself: what every state machine stands on."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import asyncpg
import pytest

from shared.io.postgres import Postgres
from tests.support.world import World


async def _now(postgres: Postgres) -> datetime:
    return await postgres.unit_of_work(lambda connection: connection.fetchval("select clock_now()"))


def test_a_call_returns_what_the_function_returns(world: World) -> None:
    async def who(connection: asyncpg.Connection) -> str:
        return await connection.fetchval("select current_user::text")

    assert world.call(world.public.unit_of_work, who) == "authsession_public"
    assert world.call(world.internal.unit_of_work, who) == "authsession_internal"
    assert world.call(world.owner.unit_of_work, who) == "postgres"


def test_a_call_raises_what_the_function_raises_and_the_world_goes_on(world: World) -> None:
    async def fail() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        world.call(fail)
    assert world.call(_now, world.public)


def test_travel_moves_the_clock_of_every_role_and_adds_up(world: World) -> None:
    roles = (world.owner, world.public, world.internal)
    before = [world.call(_now, role) for role in roles]
    world.travel(timedelta(minutes=11))
    world.travel(timedelta(seconds=1.5))
    for start, role in zip(before, roles, strict=True):
        assert timedelta(minutes=11, seconds=1.5) <= world.call(_now, role) - start < timedelta(minutes=12)


def test_calls_from_several_threads_run_at_the_same_time(world: World) -> None:
    async def slow(connection: asyncpg.Connection) -> int:
        return await connection.fetchval("select 1 from pg_sleep(0.3)")

    with ThreadPoolExecutor(8) as threads:
        started = world.call(_now, world.owner)
        answers = [threads.submit(world.call, world.public.unit_of_work, slow) for _ in range(8)]
        assert [answer.result() for answer in answers] == [1] * 8
        assert world.call(_now, world.owner) - started < timedelta(seconds=2)


def test_the_world_reaches_redis(world: World) -> None:
    world.call(world.redis.ping)
