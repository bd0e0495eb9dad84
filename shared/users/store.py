"""The statements of both services about users of a user service. For asyncio, as part of a unit of work."""

import asyncpg

from shared.io import queries


async def lock_user_id(connection: asyncpg.Connection, user_id: str) -> None:
    """Lock `user_id` until the transaction ends, so that a user's first login and a block happen one after the other.

    Later statements see everything that the other transaction committed. The user need not have a row.
    """
    await connection.execute(*queries.load("shared.users")["lock_user_id"](user_id=user_id))
