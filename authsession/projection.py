"""`authsession projection verify|rebuild`: compares or rebuilds the gateways' copy in Redis (SPEC §6.4)."""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import trio

from authsession.database import owner_dsn
from authsession.installation import Installation
from authsession.spelling import typed
from contracts.gateway import GatewayKeys
from shared.config import variables
from shared.config.settings import Reading
from shared.io import aio
from shared.io.postgres import Postgres, open_postgres
from shared.io.redis import open_redis
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import DependencyUnavailable
from shared.projection.keeper import Keeper, force_rebuild
from shared.projection.projection import Projection
from shared.projection.verify import find_drift


def run(action: str, given: Mapping[str, str], folder: Path) -> int:
    """The exit status: 1 if records differ or a server is unavailable, else 0. Raises `ConfigurationError`."""
    running = Installation(folder).running()
    environment = (running.internal_environment if running else {}) | dict(given)
    try:
        return trio.run(_verify if action == "verify" else _rebuild, environment, owner_dsn(environment, folder))
    except* DependencyUnavailable as faults:  # the nurseries around it raise it in a group
        print(
            f"authsession: {_first(faults)}; `{typed('doctor')}` says what is wrong with the servers", file=sys.stderr
        )
    return 1


async def _verify(environment: Mapping[str, str], dsn: str) -> int:
    async with _opened(environment, dsn) as (postgres, projection):
        drift = await find_drift(postgres, projection)
    for found in drift:
        print(found.kind, found.device_session_id or "")
    print(f"{len(drift)} differences" if drift else "No differences")
    return 1 if drift else 0


async def _rebuild(environment: Mapping[str, str], dsn: str) -> int:
    """Returns when all records are written. After Ctrl-C, the process that keeps the projection completes that."""
    async with _opened(environment, dsn) as (postgres, projection):
        await force_rebuild(postgres, Keeper(postgres, projection, SystemEntropy()))
    print("All records are written again")
    return 0


@asynccontextmanager
async def _opened(environment: Mapping[str, str], dsn: str) -> AsyncGenerator[tuple[Postgres, Projection]]:
    reading = Reading(environment)
    address, db = reading.required(variables.REDIS_ADDR), reading.required(variables.REDIS_DB)
    user, password = reading.optional(variables.REDIS_USERNAME), reading.optional(variables.REDIS_PASSWORD)
    tls, maxlen = reading.required(variables.REDIS_TLS), reading.required(variables.GATEWAY_STREAM_MAXLEN)
    keys = GatewayKeys(reading.required(variables.GATEWAY_KEY_PREFIX), reading.required(variables.GATEWAY_STREAM))
    reading.finish()
    async with (
        aio.open_loop(),
        open_postgres(dsn, application_name="authsession-projection", pool_size=2) as postgres,
        open_redis(address, username=user, password=password, db=db, tls=tls) as redis,
    ):
        yield postgres, Projection(postgres, redis, keys, stream_maxlen=maxlen)


def _first(faults: BaseExceptionGroup[BaseException]) -> BaseException:
    first = faults.exceptions[0]
    return _first(cast(BaseExceptionGroup[BaseException], first)) if isinstance(first, BaseExceptionGroup) else first
