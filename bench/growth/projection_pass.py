"""Rebuilds or verifies the projection in its own process, as `authsession projection` does.

The argument is `rebuild` or `verify`. stdout is a line of JSON with the known fields of `bench.growth.passes.Pass`.
"""

import json
import os
import sys
import time
from datetime import timedelta

import trio

from contracts.gateway import GatewayKeys
from shared.io import aio
from shared.io.postgres import Postgres, open_postgres
from shared.io.redis import Redis, open_redis
from shared.kernel.entropy import SystemEntropy
from shared.projection.keeper import Keeper, force_rebuild
from shared.projection.projection import Projection
from shared.projection.verify import SETTLING, find_drift


async def main(action: str) -> None:
    postgres_dsn, address = os.environ["BENCH_POSTGRES"], os.environ["BENCH_REDIS"]
    async with (
        aio.open_loop(),
        open_postgres(postgres_dsn, application_name="projection", pool_size=4) as postgres,
        open_redis(address, username="internal", password=os.environ["BENCH_REDIS_PASSWORD"]) as redis,
    ):
        projection = Projection(postgres, redis, GatewayKeys(), stream_maxlen=100_000)
        before, began, used = await _memory(redis), time.perf_counter(), time.process_time()
        differences = await (_rebuild if action == "rebuild" else _verify)(postgres, projection)
        found = {
            "seconds": time.perf_counter() - began - (SETTLING.total_seconds() if action == "verify" else 0),
            "cpu": time.process_time() - used,
            "records": await _records(redis),
            "memory": await _memory(redis) - before,
            "differences": differences,
        }
    print(json.dumps(found))


async def _rebuild(postgres: Postgres, projection: Projection) -> int:
    """At once: nobody else keeps here, and a repeat need not wait until the beat of the last one is old."""
    await force_rebuild(postgres, Keeper(postgres, projection, SystemEntropy(), patience=timedelta()))
    return 0


async def _verify(postgres: Postgres, projection: Projection) -> int:
    return len(await find_drift(postgres, projection))


async def _memory(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])


async def _records(redis: Redis) -> int:
    """The keys that go one day: all records, and nothing else of the projection. `keys=…,expires=…,avg_ttl=…`."""
    return int((await redis.info("keyspace"))["db0"].split(",")[1].removeprefix("expires="))


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
