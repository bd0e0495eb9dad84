"""Flow: what every flow about operators' accounts needs."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from services.internal_admin.callers.identity import Caller
from services.internal_admin.operator_sessions.domain import SessionClient, new_session_token
from services.internal_admin.operators.domain.account import Account, SessionOpening
from services.internal_admin.operators.domain.login import InvalidCredentials, Lockout
from services.internal_admin.operators.domain.password import PasswordRefused
from services.internal_admin.operators.hashing import PasswordHasher
from services.internal_admin.operators.store.accounts import audit_refusal
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.ids import new_operator_session_id


@dataclass(frozen=True, slots=True)
class AccountFlow:
    """Its parts. `session_life` is the absolute one."""

    postgres: Postgres
    hasher: PasswordHasher
    clock: Clock
    entropy: Entropy
    lockout: Lockout
    session_life: timedelta

    def opening(self, client: SessionClient) -> SessionOpening:
        """A session that may be opened."""
        operator_session_id = new_operator_session_id(self.clock, self.entropy)
        return SessionOpening(operator_session_id, new_session_token(self.entropy), client, self.session_life)

    async def audit_refusal(
        self, event: str, refused: InvalidCredentials | PasswordRefused, account: Account | None, caller: Caller
    ) -> None:
        """One unit of work: the audit row of an attempt that changed nothing."""
        await self.postgres.unit_of_work(
            partial(audit_refusal, event=event, refused=refused, account=account, caller=caller)
        )
