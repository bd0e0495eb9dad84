"""Flow: who a bearer token or an operator's session names."""

import hmac
from dataclasses import dataclass, field
from typing import Protocol

from services.internal_admin.domain.identity import BreakGlass, Identity, Operator


class OperatorSessions(Protocol):
    """What is needed of the authenticator of sessions."""

    async def authenticate(self, token_text: str) -> Operator | None: ...


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Each call asks Postgres once at most, and nothing is kept: what is revoked is refused with the next request."""

    break_glass_token: str | None = field(default=None, repr=False)
    sessions: OperatorSessions | None = None

    async def by_bearer(self, text: str) -> Identity | None:
        """Whose token it is (RFC 6750); None: nobody's that lives."""
        if self._is_break_glass(text):
            return BreakGlass()
        return await self.by_session(text)

    async def by_session(self, token_text: str) -> Operator | None:
        """Whose session it is; None: nobody's that lives."""
        return await self.sessions.authenticate(token_text) if self.sessions else None

    def _is_break_glass(self, text: str) -> bool:
        """In constant time. Headers are read as latin-1, the setting as UTF-8: bytes are compared."""
        token = self.break_glass_token
        return token is not None and hmac.compare_digest(text.encode("latin-1"), token.encode())
