"""Flow: end a block. Sessions it revoked stay revoked."""

from functools import partial

from services.internal_admin.domain.blocking import UnblockOutcome, UnblockSubject
from services.internal_admin.store import blocking
from shared.io.postgres import Postgres


async def unblock_subject(command: UnblockSubject, postgres: Postgres) -> UnblockOutcome:
    """Unblock: the next confirm succeeds. Repeats change nothing."""
    return await postgres.unit_of_work(partial(blocking.unblock_subject, command=command))
