"""Flow: revoke the active sessions of a user, but for one if it is named."""

from functools import partial
from typing import TypeVar

from services.internal_admin.changes.flow import Change
from services.internal_admin.domain.revocation import RevokeUserSessions, RevokeUserSessionsOutcome
from services.internal_admin.store import revocation

ResultT = TypeVar("ResultT")


async def revoke_user_sessions(
    command: RevokeUserSessions, change: Change[RevokeUserSessionsOutcome, ResultT]
) -> ResultT:
    """Revoke, and return when gateways can see it. A repeat finds no active session and writes nothing again."""
    return await change.make_in_parts(partial(revocation.revoke_user_sessions, command=command))
