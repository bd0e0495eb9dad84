"""Flow: end a block. Sessions it revoked stay revoked."""

from functools import partial
from typing import TypeVar

from services.internal_admin.changes.flow import Change
from services.internal_admin.domain.blocking import UnblockOutcome, UnblockSubject
from services.internal_admin.store import blocking

ResultT = TypeVar("ResultT")


async def unblock_subject(command: UnblockSubject, change: Change[UnblockOutcome, ResultT]) -> ResultT:
    """Unblock: the next confirm succeeds. Repeats change nothing."""
    return await change.make(partial(blocking.unblock_subject, command=command))
