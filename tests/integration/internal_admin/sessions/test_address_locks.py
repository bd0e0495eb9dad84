"""A waiter gives up the row of an address that is no longer the right one: two waiters could wait for each other."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from services.internal_admin.sessions.store import lock_address_of_user
from services.internal_admin.users.domain import ChangeUserEmail, EmailChanged
from services.internal_admin.users.store import change_user_email
from shared.kernel.email_address import parse_email
from tests.support.builders import email_address, store_user
from tests.support.database import Database
from tests.support.trusted import CAUSE
from tests.support.world import World


async def change(connection: asyncpg.Connection, user_id: str) -> None:
    command = ChangeUserEmail(user_id, parse_email(email_address()), CAUSE, users_live_elsewhere=False)
    assert isinstance(await change_user_email(connection, command), EmailChanged)


async def lock(connection: asyncpg.Connection, user_id: str) -> None:
    async with connection.transaction():
        assert await lock_address_of_user(connection, user_id) is not None


@asynccontextmanager
async def connected(database: Database) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_dsn, ssl=False, server_settings={"search_path": "authsession"})
    try:
        yield connection
    finally:
        connection.terminate()


async def until_it_waits_for(connection: asyncpg.Connection, holder: asyncpg.Connection) -> None:
    """Returns when `connection` waits for a lock of `holder`."""
    async with asyncio.timeout(5):
        waiter, blocker = connection.get_server_pid(), holder.get_server_pid()
        while blocker not in await holder.fetchval("select pg_blocking_pids($1)", waiter):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("locking", [change, lock])
def test_a_row_that_was_locked_in_vain_is_unlocked_before_the_next_wait(
    world: World, locking: Callable[[asyncpg.Connection, str], Coroutine[Any, Any, None]]
) -> None:
    low, user = store_user(world.database), store_user(world.database)
    lock_row = "select from emails where email_id = $1 for no key update"
    move_user = "update users set email_id = $2 where user_id = $1"

    async def play() -> None:
        async with connected(world.database) as late, connected(world.database) as mover:
            async with connected(world.database) as neighbour, neighbour.transaction():
                await neighbour.execute(lock_row, low.email_id)
                async with mover.transaction():
                    await mover.execute(lock_row, user.email_id)
                    waiting = asyncio.create_task(locking(late, user.user_id))
                    await until_it_waits_for(late, mover)
                    await mover.execute(move_user, user.user_id, low.email_id)
                await until_it_waits_for(late, neighbour)
                await neighbour.execute(f"{lock_row} nowait", user.email_id)
            await waiting

    asyncio.run(play())
