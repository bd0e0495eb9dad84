"""Flow: renew an operator's session."""

from functools import partial

from services.internal_admin.callers.identity import Caller
from services.internal_admin.operator_sessions import store
from services.internal_admin.operator_sessions.domain import ReadSession, SessionLives
from shared.io.postgres import Postgres


async def renew_operator_session(
    operator_session_id: str, lives: SessionLives, caller: Caller, postgres: Postgres
) -> ReadSession | None:
    """The session as renewed; None if it ended meanwhile. A repeat within `RENEWAL_REST` changes nothing."""
    renewal = partial(store.renew_session, operator_session_id=operator_session_id, lives=lives, caller=caller)
    return await postgres.unit_of_work(renewal)
