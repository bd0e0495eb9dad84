"""Flow: who holds a session token."""

from dataclasses import dataclass
from functools import partial

from services.internal_admin.callers.identity import Operator
from services.internal_admin.operator_sessions.domain import SessionLives, read_session_token, session_state
from services.internal_admin.operator_sessions.store import read_session_of_token
from shared.io.postgres import Postgres


@dataclass(frozen=True, slots=True)
class OperatorAuthenticator:
    """Asks Postgres each time: a revoked session or a disabled operator is out with the next request, everywhere."""

    postgres: Postgres
    lives: SessionLives

    async def authenticate(self, token_text: str) -> Operator | None:
        """The operator by a session that lives, or whose renewal is due; None for every other text. One statement."""
        token = read_session_token(token_text)
        if token is None:
            return None
        read = await self.postgres.unit_of_work(partial(read_session_of_token, token_hash=token.hash))
        if read is None:
            return None
        session = read.held.session
        state = session_state(session, read.now, self.lives)
        if state == "ended":
            return None
        return Operator(session.operator_id, session.operator_session_id, is_renewal_due=state == "renewal_due")
