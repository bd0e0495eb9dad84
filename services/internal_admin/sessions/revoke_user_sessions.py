"""Flow: revoke the active sessions of a user, but for one if it is named."""

from functools import partial
from typing import TypeVar

from services.internal_admin.changes.flow import Change
from services.internal_admin.sessions import store
from services.internal_admin.sessions.domain import RevokeUserSessions, RevokeUserSessionsOutcome

ResultT = TypeVar("ResultT")


async def revoke_user_sessions(
    command: RevokeUserSessions, change: Change[RevokeUserSessionsOutcome, ResultT]
) -> ResultT:
    """Revoke, and return when gateways can see it. A repeat finds no active session and writes nothing again."""
    return await change.make_in_parts(partial(store.revoke_user_sessions, command=command))
