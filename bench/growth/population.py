"""Fills a database with a number of sessions (`population.sql`), and names the users in it."""

import asyncpg

from shared.io import queries
from tests.support.database import Database

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
BATCH = 500_000
SQL = queries.load("bench.growth", "population.sql")
_FAST = {"search_path": "authsession", "session_replication_role": "replica", "synchronous_commit": "off",
         "maintenance_work_mem": "512MB"}  # fmt: skip


async def fill(database: Database, sessions: int) -> None:
    """`sessions` is a multiple of 10,000. Memory: a batch. Disk: about 1.3 KiB a session."""
    connection = await asyncpg.connect(database.owner_dsn, ssl=False, server_settings=_FAST)
    people, batch = SQL["describe_people"].text, SQL["describe_sessions"].text
    await connection.execute(*SQL["forget_indexes"]())
    await connection.execute(people.format(sessions=sessions), timeout=600)
    await connection.execute(*SQL["insert_people"](), timeout=600)
    for first in range(1, sessions + 1, BATCH):
        last = min(first + BATCH - 1, sessions)
        await connection.execute(batch.format(sessions=sessions, first=first, last=last), timeout=600)
        await connection.execute(*SQL["insert_sessions"](), timeout=600)
        await connection.execute(*SQL["insert_logins"](), timeout=600)
    await connection.execute(*SQL["build_indexes"](), timeout=3600)
    await connection.execute("vacuum analyze", timeout=3600)
    await connection.execute("checkpoint", timeout=600)
    await connection.close()
