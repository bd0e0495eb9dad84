"""Authentication of sessions and tokens, and the audit rows of the guard (SPEC §10.4, §10.7, §10.8)."""

import hmac
from dataclasses import dataclass, field

from contracts.audit_events import EventName
from services.internal_admin.callers.identity import BreakGlass, Caller, Identity, Operator, Token
from services.internal_admin.callers.secret import read_secret
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.operator_sessions.domain import SessionLives, session_state
from services.internal_admin.operator_sessions.store import read_session_of_token
from services.internal_admin.tokens.domain import MARK
from services.internal_admin.tokens.store import read_token
from services.internal_admin.tokens.uses import TokenUses
from shared.io.postgres import Postgres


@dataclass(frozen=True, slots=True)
class OperatorAuthenticator:
    """Authenticates by session. It asks Postgres each time, so a revocation or a disabling acts at once, everywhere."""

    postgres: Postgres
    lives: SessionLives

    async def authenticate(self, token_text: str) -> Operator | None:
        """The operator of a session that is live, or whose renewal is due; None for other text. One statement."""
        token = read_secret(token_text)
        if token is None:
            return None
        read = await self.postgres.unit_of_work(read_session_of_token, token_hash=token.hash)
        if read is None:
            return None
        session = read.held.session
        state = session_state(session, read.now, self.lives)
        if state == "ended":
            return None
        return Operator(session.operator_id, session.operator_session_id, is_renewal_due=state == "renewal_due")


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Authenticates by session or token. Each call asks Postgres once at most, and nothing is remembered.

    So every replica refuses the next request of a session or token that was revoked, has expired, or belongs to a
    disabled operator.
    """

    postgres: Postgres
    operators: OperatorAuthenticator
    token_uses: TokenUses
    break_glass_token: str | None = field(repr=False)

    async def by_bearer(self, text: str) -> Identity | None:
        """The holder of a token (RFC 6750): break-glass, an API token or an operator's session; None: nobody."""
        if self._is_break_glass(text):
            return BreakGlass()
        return await (self._by_token(text) if text.startswith(MARK) else self.by_session(text))

    async def by_session(self, token_text: str) -> Operator | None:
        """The operator of a live session; None: there is none."""
        return await self.operators.authenticate(token_text)

    async def _by_token(self, text: str) -> Token | None:
        secret = read_secret(text, MARK)
        if secret is None:
            return None
        found = await self.postgres.unit_of_work(read_token, token_hash=secret.hash)
        if found is None:
            return None
        if found.is_use_due:
            self.token_uses.note(found.token.token_id)
        return found.token

    def _is_break_glass(self, text: str) -> bool:
        """Compare in constant time, as bytes: headers are read as latin-1, the setting as UTF-8."""
        token = self.break_glass_token
        return token is not None and hmac.compare_digest(text.encode("latin-1"), token.encode())


@dataclass(frozen=True, slots=True)
class GuardTrail:
    """Audit rows of the guard. `route` is a template, so that text typed into a path stays out of the trail."""

    postgres: Postgres

    async def add_refusal(self, caller: Caller, method: str, route: str, outcome: str) -> None:
        """Note that a mutation was refused by the guard. `outcome` is the code of the error."""
        await self._add(EventName.REFUSE_REQUEST, caller, method, route, outcome)

    async def add_break_glass_use(self, caller: Caller, method: str, route: str, outcome: str) -> None:
        """Note that the break-glass token was shown. `outcome` is `admitted` or the code of the error."""
        await self._add(EventName.USE_BREAK_GLASS, caller, method, route, outcome)

    async def _add(self, event: EventName, caller: Caller, method: str, route: str, outcome: str) -> None:
        await self.postgres.unit_of_work(insert_operator_event, event, outcome, caller, method=method, route=route)
