"""What both services do in Postgres about users that live elsewhere. asyncio-flavoured."""

import asyncpg

from shared.io import queries


async def lock_user_id(connection: asyncpg.Connection, user_id: str) -> None:
    """Hold `user_id` until the transaction ends, so that a first login and a block of it happen one after the other.

    Statements that follow see whatever the other one committed. There need be no row of that user.
    """
    await connection.execute(*queries.load("shared.users")["lock_user_id"](user_id=user_id))
