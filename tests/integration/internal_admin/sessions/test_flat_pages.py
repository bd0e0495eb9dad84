"""A page of a user with very many sessions costs a page, also under the plan made for everybody, who has few."""

import asyncio
import re
from collections.abc import Iterator

import asyncpg
import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from bench.growth.population import fill
from shared.db.role_settings import INTERNAL_SETTINGS
from shared.io import queries
from shared.io.queries import Statement
from tests.support.database import Database, cloned_database

SQL = queries.load("services.internal_admin.sessions")
MOST_PAGES = 150
"""Of 8 KiB: 100 sessions on as many pages of the table, and the way to them."""
FIRST_PAGE = {"after_created_at": "null", "after_session_id": "''", "limit": "101"}
_BUSIEST = "select user_id from device_sessions group by user_id having count(*) = 5000"


@pytest.fixture(scope="module")
def year(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """20,000 sessions, of which 5,000 are one user's and the rest nearly everybody's."""
    with cloned_database(postgres_server, template) as database:
        asyncio.run(fill(database, 20_000))
        yield database


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(
    ("statement", "literals"),
    [("list_sessions", FIRST_PAGE | {"statuses": "'{active,revoked}'"}), ("list_active_sessions", FIRST_PAGE)],
)
def test_a_page_of_a_long_list_reads_no_more_than_the_page(
    year: Database, statement: str, literals: dict[str, str], plan: str
) -> None:
    assert asyncio.run(_pages_touched(year, plan, SQL[statement], literals)) <= MOST_PAGES


async def _pages_touched(database: Database, plan: str, statement: Statement, literals: dict[str, str]) -> int:
    """`execute` and literals: `explain` of a statement with parameters plans for these, whatever `plan` says."""
    settings = {"search_path": "authsession", "plan_cache_mode": plan, **INTERNAL_SETTINGS}
    connection = await asyncpg.connect(database.owner_dsn, ssl=False, server_settings=settings)
    user_id = await connection.fetchval(_BUSIEST)
    sql, *arguments = statement(user_id=f"'{user_id}'", **literals)
    await connection.execute(f"prepare page as {sql}")
    lines = await connection.fetch(f"explain (analyze, buffers) execute page ({', '.join(arguments)})")
    await connection.close()
    touched = next(line[0] for line in lines if "Buffers:" in line[0])
    return sum(int(count) for count in re.findall(r"(?:hit|read)=(\d+)", touched))
