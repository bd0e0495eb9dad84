"""A rebuild of the projection, or its verification, as `authsession projection` does it, in a process of its own.

Given: `rebuild` or `verify`. stdout: one line of JSON: seconds, CPU seconds of this process, and what it found.
"""

import json
import os
import sys
import time

import trio

from contracts.gateway import GatewayKeys
from shared.io import aio
from shared.io.postgres import Postgres, open_postgres
from shared.io.redis import open_redis
from shared.kernel.entropy import SystemEntropy
from shared.outbox.keeper import Keeper, force_rebuild
from shared.outbox.projection import Projection
from shared.outbox.verify import SETTLING, find_drift


async def main(action: str) -> None:
    async with (
        aio.open_loop(),
        open_postgres(os.environ["BENCH_POSTGRES"], application_name="projection", pool_size=3) as postgres,
        open_redis(os.environ["BENCH_REDIS"], username="internal", password=os.environ["BENCH_REDIS_PASSWORD"]) as redis,
    ):
        projection = Projection(postgres, redis, GatewayKeys(), stream_maxlen=100_000)
        began, used = time.perf_counter(), time.process_time()
        differences = await (_rebuild if action == "rebuild" else _verify)(postgres, projection)
        seconds = time.perf_counter() - began - (SETTLING.total_seconds() if action == "verify" else 0)
        print(json.dumps({"seconds": seconds, "cpu": time.process_time() - used, "differences": differences}))


async def _rebuild(postgres: Postgres, projection: Projection) -> int:
    await force_rebuild(postgres, Keeper(postgres, projection, SystemEntropy()))
    return 0


async def _verify(postgres: Postgres, projection: Projection) -> int:
    return len(await find_drift(postgres, projection))


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
