"""Postgres does the same work for a wrong code, whether a code was compared or the challenge is a decoy (SPEC §3.4).

The work is counted, not timed. Before this law held, the fifth answer alone told the two apart in 60 of 100 pairs.
"""

import asyncio

import asyncpg
import pytest

from shared.io import queries
from tests.support.builders import email_address
from tests.support.database import Database
from tests.support.public_flow import PublicFlow
from tests.support.trusted import block_email
from tests.support.world import World

HOT_UPDATES = "select pg_stat_get_xact_tuples_hot_updated('challenges'::regclass)"
EXPLAIN = "explain (analyze, timing off, summary off) "
Work = tuple[list[str], int]


@pytest.mark.parametrize("database_state", ["blocked", "throttled"])
def test_each_of_five_wrong_codes_fires_the_same_triggers_and_writes_to_the_same_indexes(
    world: World, database_state: str
) -> None:
    flow = PublicFlow(world)
    real, decoyed = flow.send(email_address()), email_address()
    if database_state == "blocked":
        world.call(block_email, world, decoyed)
    else:
        for network in range(1, 18):
            flow.send(decoyed, f"192.0.2.{network}")
    decoy = flow.send(decoyed, "192.0.2.99")
    assert flow.decisions[-1] == ("blocked" if database_state == "blocked" else "live_challenge_budget")

    work_of_real = asyncio.run(_guess_five_times(world.database, real, "pending_send", evaluated=1))
    work_of_decoy = asyncio.run(_guess_five_times(world.database, decoy, flow.state(decoy), evaluated=0))

    assert work_of_real == work_of_decoy
    assert flow.state(real) == "failed"


async def _guess_five_times(database: Database, challenge_id: str, state: str, *, evaluated: int) -> list[Work]:
    connection = await asyncpg.connect(database.public_dsn, ssl=False, server_settings={"search_path": "authsession"})
    try:
        return [await _work(connection, challenge_id, state, evaluated) for _ in range(5)]
    finally:
        await connection.close()


async def _work(connection: asyncpg.Connection, challenge_id: str, state: str, evaluated: int) -> Work:
    """The triggers that one wrong code fired, and whether it spared the indexes."""
    write_wrong_code = queries.load("services.public_auth.store")["write_wrong_code"]
    sql, *arguments = write_wrong_code(challenge_id=challenge_id, state=state, evaluated=evaluated)
    async with connection.transaction():
        plan = [row[0] for row in await connection.fetch(EXPLAIN + sql, *arguments)]
        hot_updates = await connection.fetchval(HOT_UPDATES)
    assert "rows=1" in plan[0]
    return [line.strip() for line in plan if "Trigger" in line], hot_updates
