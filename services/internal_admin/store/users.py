"""Store: reading the local users directory."""

import asyncpg

from services.internal_admin.domain.user import User
from services.internal_admin.store.statements import SQL


async def has_user(connection: asyncpg.Connection, user_id: str) -> bool:
    """Whether a user logged in here before."""
    return await connection.fetchval(SQL["has_user"], user_id)


async def read_user(connection: asyncpg.Connection, email: str) -> User | None:
    """The user whose identity is `email` (`EmailAddress.identity`), None if there is none."""
    row = await connection.fetchrow(SQL["read_user"], email)
    if row is None:
        return None
    return User(
        user_id=row["user_id"],
        email=row["email"],
        preferred_language=row["preferred_language"],
        time_zone=row["time_zone"],
        created_at=row["created_at"],
    )
