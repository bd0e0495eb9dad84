"""Flow: revoke an operator's session."""

from functools import partial

from services.internal_admin.operator_sessions import store
from services.internal_admin.operator_sessions.operator_session_revocation import RevokeOperatorSession, RevokeOutcome
from shared.io.postgres import Postgres


async def revoke_operator_session(command: RevokeOperatorSession, postgres: Postgres) -> RevokeOutcome:
    """On return it is dead with its next request, on every replica."""
    return await postgres.unit_of_work(partial(store.revoke_session, command=command))
