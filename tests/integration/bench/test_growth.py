"""The growth bench at its smallest size: the population is what it says, and every number is of what happened."""

from collections import Counter
from collections.abc import Iterator

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from bench.growth.measurement import Measured, measure_operations
from bench.growth.page import Results, charts, measured_part
from bench.growth.passes import rebuild_empty, run_pass
from bench.growth.population import SIZES, fill
from bench.growth.run import run_plainly
from bench.growth.scene import open_scene
from tests.support.database import Database, cloned_database
from tests.support.servers import temporary_redis
from tests.support.stack import redis_users

SESSIONS = SIZES[0]
_WITH_RECORD = """
    select count(*) from device_sessions
     where status = 'active' or revoked_at > clock_now() - interval '30 days'
"""


@pytest.fixture(scope="module")
def database(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    with cloned_database(postgres_server, template) as database:
        run_plainly(fill(database, SESSIONS))
        yield database


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    with temporary_redis(users=redis_users()) as server:
        yield server


def test_the_population_has_the_sessions_and_the_indexes_of_the_schema(database: Database) -> None:
    owners = database.execute("select count(*) from device_sessions group by user_id")
    sizes = Counter(row["count"] for row in owners)
    assert sum(size * people for size, people in sizes.items()) == SESSIONS
    assert (sizes[50], sizes[5000]) == (20, 1)
    indexes = "select count(*) from pg_indexes where schemaname = 'authsession'"
    with cloned_database(database.server) as empty:
        assert database.execute(indexes) == empty.execute(indexes)


def test_each_number_is_of_what_happened(database: Database, redis_server: EmbeddedRedis) -> None:
    with_record = database.execute(_WITH_RECORD)[0][0]
    rebuild, verify = rebuild_empty(database, redis_server), run_pass("verify", database, redis_server)
    assert rebuild.records == verify.records == with_record
    assert 100 < rebuild.memory / rebuild.records < 1000
    measured = run_plainly(_one_round(database, redis_server))
    assert all(samples[SESSIONS].postgres > 0 and samples[SESSIONS].services > 0 for samples in measured.values())
    assert {name: len(samples[SESSIONS].seconds) for name, samples in measured.items()} == {
        "confirm": 25, "read": 50, "list, 50 sessions": 25, "list, 100 of 5,000": 25, "list, all 5,000": 5,
        "revoke-all, 50": 20, "block, 50": 20,
    }  # fmt: skip
    assert database.execute("select count(*) from blocks where user_id is not null")[0][0] == 20
    results = Results(measured, {SESSIONS: (rebuild, verify)})
    assert f"| 10,000 | {with_record:,} |" in measured_part(["a fact"], results)
    assert all(svg.startswith("<svg") for svg in charts(results).values())


async def _one_round(database: Database, redis_server: EmbeddedRedis) -> Measured:
    async with open_scene(database, redis_server, SESSIONS) as scene:
        return await measure_operations([scene], rounds=0)
