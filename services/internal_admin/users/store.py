"""Store: reading the local users directory."""

import asyncpg

from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.store.statements import SQL
from services.internal_admin.users.domain import User
from shared.kernel.email_address import EmailAddress


async def has_user(connection: asyncpg.Connection, user_id: str) -> bool:
    """Whether a user logged in here before."""
    return await connection.fetchval(SQL["has_user"], user_id)


async def read_user(connection: asyncpg.Connection, email: EmailAddress, *, as_typed: bool) -> User | None:
    """The user of an address, in any spelling unless `as_typed`; None if there is none."""
    row = await connection.fetchrow(SQL["read_user"], email.folded, email.identity if as_typed else None)
    return None if row is None else _user(row)


async def list_users(connection: asyncpg.Connection, after: str | None, limit: int) -> Page[User]:
    """Users by their ids, from the last; those `after` an id, at most `limit`."""
    if after is None:
        rows = await connection.fetch(SQL["list_first_users"], limit + 1)
    else:
        rows = await connection.fetch(SQL["list_users"], after, limit + 1)
    return cut_page([_user(row) for row in rows], limit)


def _user(row: asyncpg.Record) -> User:
    return User(
        user_id=row["user_id"],
        email=row["email"],
        preferred_language=row["preferred_language"],
        time_zone=row["time_zone"],
        created_at=row["created_at"],
    )
