"""The checks of Postgres and Redis for `/readyz` of both services (SPEC §13.1): whether a *login* can work.

An answer to a ping does not show that. A server may refuse writes: for missing rights, a full disk or memory, or as a
replica. And processes may be connected to different Redis servers.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import trio

from shared.db.migrate import expected_version
from shared.io import queries
from shared.io.postgres import Postgres
from shared.io.redis import Redis
from shared.kernel.faults import DependencyUnavailable
from shared.projection import store
from shared.projection.epoch import Kept, Seen
from shared.projection.projection import Projection
from shared.projection.rights import keys_of_a_login, refused_write
from shared.web.health import NotReady, Readiness

PATIENCE = timedelta(seconds=5)
"""Maximum age of the keeper's beat, and maximum time for which it may differ from Redis. A restart of Redis fits in."""
_SQL = queries.load("shared.web", "dependency_checks.sql")


@dataclass(frozen=True, slots=True)
class Needs:
    """The needs of one service. `table` and `privilege` name a right that its role has and the other role has not."""

    table: str
    privilege: str
    rate_limit_prefix: str


def add_dependency_checks(
    readiness: Readiness, postgres: Postgres, redis: Redis, projection: Projection, needs: Needs
) -> None:
    """Add the checks. Without Postgres or with too old a schema the process is unavailable; without Redis, degraded."""
    beats = _Beats(projection)
    keys = keys_of_a_login(projection.keys, needs.rate_limit_prefix)

    async def check_postgres() -> None:
        kept = await postgres.unit_of_work(_read_writable)
        with suppress(DependencyUnavailable):  # the check of Redis reports it
            await beats.check_postgres(kept)

    async def check_schema() -> None:
        found = await postgres.unit_of_work(_read_schema, needs)
        if (found["version"] or 0) < expected_version():  # a newer schema also fits this release (SPEC §13.4)
            raise NotReady("migrate")
        if not found["has_right"]:
            raise NotReady("role")

    async def check_redis() -> None:
        await redis.ping()
        refused = await refused_write(redis, keys)
        if refused is not None:
            raise NotReady(refused)
        seen = await projection.look()
        with suppress(DependencyUnavailable):  # the check of Postgres reports it
            kept = await postgres.unit_of_work(store.read_keeper)
            beats.check_redis(kept, seen)

    readiness.add("postgres", check_postgres, is_required=True)
    readiness.add("schema", check_schema, is_required=True)
    readiness.add("redis", check_redis, is_required=False)


class _Beats:
    """Judges the keeper's beat, which is written to Redis and then to Postgres each second."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._wrong_since: float | None = None

    async def check_postgres(self, kept: Kept) -> None:
        """Raise `NotReady` if Redis accepts beats but the one in Postgres is too old."""
        if _is_old(kept) and (await self._projection.look()).beat not in {None, kept.beat}:
            raise NotReady("no_beat")

    def check_redis(self, kept: Kept, seen: Seen) -> None:
        """Raise `NotReady` if for long no keeper beats, or the keeper has another Redis than this process."""
        problem = _problem(kept, seen)
        if problem is None:
            self._wrong_since = None
            return
        self._projection.look_elsewhere()
        now = trio.current_time()
        self._wrong_since = now if self._wrong_since is None else self._wrong_since
        if now - self._wrong_since > PATIENCE.total_seconds():
            raise NotReady(problem)


def _is_old(kept: Kept) -> bool:
    return kept.now_ms - kept.beat > PATIENCE / timedelta(milliseconds=1)


def _problem(kept: Kept, seen: Seen) -> str | None:
    if (seen.run_id, seen.epoch) != (kept.run_id, kept.epoch):
        return "other_server"
    return "no_beat" if _is_old(kept) else None


async def _read_writable(connection: asyncpg.Connection) -> Kept:
    if await connection.fetchval(*_SQL["read_read_only"]()):
        raise NotReady("read_only")
    return await store.read_keeper(connection)


async def _read_schema(connection: asyncpg.Connection, needs: Needs) -> asyncpg.Record:
    row = await connection.fetchrow(*_SQL["read_schema"](table=needs.table, privilege=needs.privilege))
    assert row is not None  # an aggregate has one row, also for an empty table
    return row
