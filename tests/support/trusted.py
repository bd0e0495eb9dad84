"""Actions of trusted callers: the internal service's units of work, as the internal role, without HTTP and Redis."""

from services.internal_admin.blocks import store as blocks_store
from services.internal_admin.blocks.domain import BlockOutcome, BlockSubject, UnblockOutcome, UnblockSubject
from services.internal_admin.callers.identity import Caller, Cause
from services.internal_admin.changes.domain import NOTHING, Part
from shared.kernel.actor import Actor
from shared.kernel.block import Subject
from tests.support.world import World

CAUSE = Cause("policy_blocked", Actor("admin", "admin-1"), Caller("trusted_network", "127.0.0.1", "request-1"))


async def block_email(world: World, folded: str) -> BlockOutcome:
    """A trio function that blocks an address."""
    return await _block(world, Subject("email", folded))


async def block_user(world: World, user_id: str) -> BlockOutcome:
    """A trio function that blocks a user."""
    return await _block(world, Subject("user_id", user_id))


async def unblock_email(world: World, folded: str) -> UnblockOutcome:
    """A trio function that removes the block of an address."""
    command = UnblockSubject(Subject("email", folded), CAUSE)
    return await world.internal.unit_of_work(blocks_store.unblock_subject, command)


async def _block(world: World, subject: Subject) -> BlockOutcome:
    command = BlockSubject(subject, None, CAUSE)
    outcome = await world.internal.unit_of_work(blocks_store.block_subject, NOTHING, command=command)
    assert not isinstance(outcome, Part), "more sessions than one transaction revokes"
    return outcome
