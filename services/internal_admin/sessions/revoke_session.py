"""Flow: revoke one session."""

from functools import partial
from typing import TypeVar

from services.internal_admin.changes.flow import Change
from services.internal_admin.sessions import store
from services.internal_admin.sessions.domain import RevokeSession, RevokeSessionOutcome

ResultT = TypeVar("ResultT")


async def revoke_session(command: RevokeSession, change: Change[RevokeSessionOutcome, ResultT]) -> ResultT:
    """Revoke, and return when gateways can see it. A repeat changes nothing and writes the record again (SPEC §4.3)."""
    return await change.make(partial(store.revoke_session, command=command))
