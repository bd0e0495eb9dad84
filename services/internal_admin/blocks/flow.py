"""Flow: block a user or an e-mail, and revoke its active sessions."""

from dataclasses import replace
from functools import partial
from typing import TypeVar

from services.internal_admin.blocks import store
from services.internal_admin.blocks.domain import (
    BlockOutcome,
    BlockSubject,
    ListedBlock,
    UnblockOutcome,
    UnblockSubject,
)
from services.internal_admin.callers.page import Page
from services.internal_admin.changes.flow import Change
from services.internal_admin.users import store as users_store
from shared.io.postgres import Postgres
from shared.kernel.block import Subject
from shared.users.directory import UserDirectory

ResultT = TypeVar("ResultT")


async def block_subject(
    command: BlockSubject, change: Change[BlockOutcome, ResultT], postgres: Postgres, directory: UserDirectory | None
) -> ResultT:
    """Block, and return when gateways can see the revocations. A repeat changes nothing but the block's end.

    With a `directory` a user whom we never saw may be blocked, if the user service knows them; and a worker tells the
    service of the block. Raises `DependencyUnavailable`, with nothing changed, if it cannot say whether there is such a
    user.
    """
    if directory is not None:
        is_known_elsewhere = await _is_known_elsewhere(command, postgres, directory)
        command = replace(command, is_known_elsewhere=is_known_elsewhere, is_ordered_elsewhere=True)
    return await change.make_in_parts(partial(store.block_subject, command=command))


async def _is_known_elsewhere(command: BlockSubject, postgres: Postgres, directory: UserDirectory) -> bool:
    """Asked only about a user whom we never saw, and before the unit of work."""
    subject = command.subject
    if subject.kind == "email" or await postgres.unit_of_work(partial(users_store.has_user, user_id=subject.value)):
        return False
    return await directory.exists(subject.value)


async def unblock_subject(command: UnblockSubject, change: Change[UnblockOutcome, ResultT]) -> ResultT:
    """Unblock: the next confirm succeeds. Repeats change nothing."""
    return await change.make(partial(store.unblock_subject, command=command))


async def list_blocks(after: int | None, limit: int, postgres: Postgres) -> Page[ListedBlock]:
    """Newest first; those `after` a block id, or from the newest on."""
    return await postgres.unit_of_work(partial(store.list_blocks, after=after, limit=limit))


async def find_block(subject: Subject, postgres: Postgres) -> Page[ListedBlock]:
    """The block on one subject: a page of one, or an empty one."""
    found = await postgres.unit_of_work(partial(store.read_block, subject=subject))
    return Page(() if found is None else (found,), has_more=False)
