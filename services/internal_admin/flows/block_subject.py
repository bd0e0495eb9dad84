"""Flow: block a user or an e-mail, and revoke its active sessions."""

from functools import partial

from services.internal_admin.domain.blocking import BlockOutcome, BlockSubject
from services.internal_admin.flows.published_change import PublishedChange
from services.internal_admin.store import blocking


async def block_subject(command: BlockSubject, change: PublishedChange) -> BlockOutcome:
    """Block, and return when gateways can see the revocations. A repeat changes nothing but the block's end."""
    return await change.make(partial(blocking.block_subject, command=command))
