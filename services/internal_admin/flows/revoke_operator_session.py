"""Flow: revoke an operator's session."""

from functools import partial

from services.internal_admin.domain.operator_session_revocation import RevokeOperatorSession, RevokeOutcome
from services.internal_admin.store import operator_sessions
from shared.io.postgres import Postgres


async def revoke_operator_session(command: RevokeOperatorSession, postgres: Postgres) -> RevokeOutcome:
    """On return it is dead with its next request, on every replica."""
    return await postgres.unit_of_work(partial(operator_sessions.revoke_session, command=command))
