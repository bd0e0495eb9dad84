"""Flow: list blocks, or look one up. A block that has expired is not there."""

from functools import partial

from services.internal_admin.blocks import store_listing
from services.internal_admin.blocks.domain import ListedBlock
from services.internal_admin.callers.page import Page
from shared.io.postgres import Postgres
from shared.kernel.block import Subject


async def list_blocks(after: int | None, limit: int, postgres: Postgres) -> Page[ListedBlock]:
    """Newest first; those `after` a block id, or from the newest on."""
    return await postgres.unit_of_work(partial(store_listing.list_blocks, after=after, limit=limit))


async def find_block(subject: Subject, postgres: Postgres) -> Page[ListedBlock]:
    """The block on one subject: a page of one, or an empty one."""
    found = await postgres.unit_of_work(partial(store_listing.read_block, subject=subject))
    return Page(() if found is None else (found,), has_more=False)
