"""The whole run: fills, rebuilds and verifies each size, then measures the operations in turn over all sizes."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import Any, TypeVar

from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from bench.growth.measurement import Measured, measure_operations
from bench.growth.page import Results, facts, write_page
from bench.growth.passes import Pass, rebuild_empty, run_pass
from bench.growth.population import SIZES, fill
from bench.growth.scene import open_scene
from tests.support.database import Database, cloned_database
from tests.support.servers import temporary_redis
from tests.support.stack import redis_users

ROUNDS = 12
_SMALL = 100_000
"""Up to here a pass is repeated, and the median counts."""
_REPEATS = 3

T = TypeVar("T")
Place = tuple[int, Database, EmbeddedRedis]


def measure_growth(server: EmbeddedPostgres, command: str, most: int, most_verified: int) -> None:
    """Print what each size up to `most` costs, and write docs/evidence/growth.md. All sizes stand at once."""
    about = facts(command, server)
    with ExitStack() as stack:
        places = [_place(stack, server, size) for size in SIZES if size <= most]
        passes = {place[0]: _passes(place, is_verified=place[0] <= most_verified) for place in places}
        operations = run_plainly(_operations(places, ROUNDS))
    write_page(about, Results(operations, passes))


def _place(stack: ExitStack, server: EmbeddedPostgres, sessions: int) -> Place:
    database = stack.enter_context(cloned_database(server))
    redis_server = stack.enter_context(temporary_redis(users=redis_users()))
    started = time.perf_counter()
    asyncio.run(fill(database, sessions))
    size = database.execute("select pg_database_size(current_database())")[0][0]
    print(f"\n{sessions} sessions stored in {time.perf_counter() - started:.0f} s: {size / 2**20:.0f} MiB of Postgres")
    return sessions, database, redis_server


def _passes(place: Place, *, is_verified: bool) -> tuple[Pass, Pass | None]:
    """A rebuild and a verification, each the median of its repeats."""
    sessions, database, redis_server = place
    repeats = _REPEATS if sessions <= _SMALL else 1
    rebuild = _median("rebuild", [rebuild_empty(database, redis_server) for _ in range(repeats)])
    if not is_verified:
        return rebuild, None
    return rebuild, _median("verify", [run_pass("verify", database, redis_server) for _ in range(repeats)])


def _median(name: str, passes: Sequence[Pass]) -> Pass:
    one = sorted(passes, key=lambda one: one.seconds)[len(passes) // 2]
    print(f"  {name}: {one.records} records in {one.seconds:.1f} s, {one.records_a_second:.0f} records/s", flush=True)
    return one


def run_plainly(main: Coroutine[Any, Any, T]) -> T:
    """On asyncio's own loop: `asyncio.run` takes trio-asyncio's where that is imported, and each call costs more."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(main)


async def _operations(places: Sequence[Place], rounds: int) -> Measured:
    async with AsyncExitStack() as stack:
        scenes = [
            await stack.enter_async_context(open_scene(database, redis_server, sessions))
            for sessions, database, redis_server in places
        ]
        return await measure_operations(scenes, rounds)
