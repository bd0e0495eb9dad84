"""What `/readyz` of both services asks of Postgres and Redis (SPEC §13.1). Its meaning is `shared.web.health`'s."""

import asyncpg

from shared.db.migrate import expected_version
from shared.io.postgres import Postgres
from shared.io.redis import Redis
from shared.web.health import NotReady, Readiness


def add_dependency_checks(readiness: Readiness, postgres: Postgres, redis: Redis) -> None:
    """Without Postgres, or with too old a schema, the process is unavailable; without Redis it is degraded."""

    async def check_postgres() -> None:
        await postgres.unit_of_work(_select_one)

    async def check_schema() -> None:
        found = await postgres.unit_of_work(_read_schema_version)
        if (
            found is None or found < expected_version()
        ):  # a newer one is fine: migrations suit the release before (§13.4)
            raise NotReady("the schema is older than this code: run `authsession migrate`")

    readiness.add("postgres", check_postgres, is_required=True)
    readiness.add("schema", check_schema, is_required=True)
    readiness.add("redis", redis.ping, is_required=False)


async def _select_one(connection: asyncpg.Connection) -> None:
    await connection.execute("select 1")


async def _read_schema_version(connection: asyncpg.Connection) -> int | None:
    return await connection.fetchval("select max(version) from schema_migrations")
