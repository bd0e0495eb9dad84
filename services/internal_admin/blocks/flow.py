"""Blocking, with a question to the user service about a user who never logged in here (SPEC §8)."""

from dataclasses import replace

from services.internal_admin.blocks import store
from services.internal_admin.blocks.domain import BlockOutcome, BlockSubject
from services.internal_admin.changes.domain import Answer, KeyConflict
from services.internal_admin.changes.flow import AnsweredChange
from services.internal_admin.users import store as users_store
from shared.io.postgres import Postgres
from shared.users.directory import UserDirectory


async def block_subject(
    command: BlockSubject, change: AnsweredChange[BlockOutcome], postgres: Postgres, directory: UserDirectory | None
) -> Answer | KeyConflict:
    """Block, and return when gateways can see the revocations. A repeat changes nothing but the block's end.

    With a `directory` a user who never logged in here may be blocked, if the user service knows the user. A worker then
    tells the service of the block. If the service cannot say whether it knows the user, this raises
    `DependencyUnavailable`, and nothing has changed.
    """
    if directory is not None:
        is_known_elsewhere = await _is_known_elsewhere(command, postgres, directory)
        command = replace(command, is_known_elsewhere=is_known_elsewhere, is_ordered_elsewhere=True)
    return await change.make_in_parts(store.block_subject, command)


async def _is_known_elsewhere(command: BlockSubject, postgres: Postgres, directory: UserDirectory) -> bool:
    """Whether the user service knows the user. It is asked only about a user who never logged in here.

    It is asked before the unit of work, so no connection waits for it.
    """
    subject = command.subject
    if subject.kind == "email" or await postgres.unit_of_work(users_store.has_user, subject.value):
        return False
    return await directory.exists(subject.value)
