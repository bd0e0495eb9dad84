"""Flow: end a block. Sessions it revoked stay revoked."""

from functools import partial
from typing import TypeVar

from services.internal_admin.blocks import store
from services.internal_admin.blocks.domain import UnblockOutcome, UnblockSubject
from services.internal_admin.changes.flow import Change

ResultT = TypeVar("ResultT")


async def unblock_subject(command: UnblockSubject, change: Change[UnblockOutcome, ResultT]) -> ResultT:
    """Unblock: the next confirm succeeds. Repeats change nothing."""
    return await change.make(partial(store.unblock_subject, command=command))
