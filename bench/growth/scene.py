"""One size under measurement: its database and Redis, both services on them, and the users of the operations."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from authsession.embedded.redis import EmbeddedRedis
from bench.clients import CodeReader, HttpClient
from bench.growth.population import SQL
from shared.kernel.keyring import KeyRing
from tests.support.database import Database
from tests.support.stack import SEALING_KEYS, RunningStack

OF_FIFTY, BUSIEST = range(1, 21), 21
"""Numbers of people, as `population.sql` has them; those after are ordinary."""
_UNLIMITED = {"AUTHSESSION_SEND_RATE_LIMIT": "100000000/1m", "AUTHSESSION_CONFIRM_RATE_LIMIT": "100000000/1m"}
_OURS = {"search_path": "authsession", "application_name": "bench"}
_SAMPLE = 500
_SOME_SESSIONS = "select device_session_id from device_sessions join users using (user_id) where email_id = any ($1)"


@dataclass(frozen=True, slots=True)
class Scene:
    """`some_*` are drawn at random among the ordinary people."""

    sessions: int
    database: Database
    stack: RunningStack
    pool: asyncpg.Pool
    public: HttpClient
    internal: HttpClient
    users_of_fifty: Sequence[str]
    busiest: str
    some_sessions: Sequence[str]
    some_people: list[int]

    @property
    def codes(self) -> CodeReader:
        return CodeReader(self.pool, KeyRing.parse("bench", SEALING_KEYS))

    async def reconnect(self) -> None:
        """Fresh connections: the services close those that were idle for a while, perhaps just when they are used."""
        for client in (self.public, self.internal):
            client.close()
            await client.open()

    async def restore(self) -> None:
        """The people of fifty have fifty active sessions again."""
        for user_id in self.users_of_fifty:
            await self.pool.execute(*SQL["give_sessions_again"](user_id=user_id))


@asynccontextmanager
async def open_scene(database: Database, redis_server: EmbeddedRedis, sessions: int) -> AsyncGenerator[Scene]:
    """Starts both services on a database that was filled and a Redis that was rebuilt."""
    stack = RunningStack(database, redis_server, _UNLIMITED)
    try:
        await asyncio.to_thread(stack.start)
        async with asyncpg.create_pool(
            database.owner_dsn, ssl=False, min_size=1, max_size=2, server_settings=_OURS
        ) as pool:
            yield await _scene(sessions, database, stack, pool)
    finally:
        stack.stop()


async def _scene(sessions: int, database: Database, stack: RunningStack, pool: asyncpg.Pool) -> Scene:
    people = await pool.fetchval("select max(email_id) from users")
    some_people = random.sample(range(BUSIEST + 1, people + 1), _SAMPLE)
    of_fifty = await pool.fetch("select user_id from users where email_id = any ($1)", list(OF_FIFTY))
    public_port, internal_port = stack.ports
    return Scene(
        sessions,
        database,
        stack,
        pool,
        HttpClient("127.0.0.1", public_port),
        HttpClient("127.0.0.1", internal_port),
        [row["user_id"] for row in of_fifty],
        await pool.fetchval("select user_id from users where email_id = $1", BUSIEST),
        [row["device_session_id"] for row in await pool.fetch(_SOME_SESSIONS, some_people)],
        some_people,
    )
