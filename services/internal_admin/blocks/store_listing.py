"""Store: reading blocks. One that has expired is not there (SPEC §4.1)."""

import asyncpg

from services.internal_admin.blocks.domain import ListedBlock
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.store.statements import SQL
from shared.kernel.actor import Actor
from shared.kernel.block import Block, Subject

_BEFORE_ALL = 2**63 - 1


async def read_block(connection: asyncpg.Connection, subject: Subject) -> ListedBlock | None:
    """The block on a subject, None if it is not blocked."""
    statement = SQL["read_block_of_email" if subject.kind == "email" else "read_block_of_user"]
    row = await connection.fetchrow(statement, subject.value)
    return None if row is None else _listed_block(row)


async def list_blocks(connection: asyncpg.Connection, after: int | None, limit: int) -> Page[ListedBlock]:
    """Blocks from the newest to the oldest; those `after` a block id, at most `limit`."""
    rows = await connection.fetch(SQL["list_blocks"], _BEFORE_ALL if after is None else after, limit + 1)
    return cut_page([_listed_block(row) for row in rows], limit)


def _listed_block(row: asyncpg.Record) -> ListedBlock:
    subject = Subject("user_id", row["user_id"]) if row["folded"] is None else Subject("email", row["folded"])
    actor = Actor(row["actor_type"], row["actor_id"])
    return ListedBlock(row["block_id"], Block(subject, row["reason_code"], actor, row["created_at"], row["expires_at"]))
