"""Flow: whom a bearer token or an operator's session names."""

import hmac
from dataclasses import dataclass, field
from functools import partial

from services.internal_admin.access.authenticate_operator import OperatorAuthenticator
from services.internal_admin.callers.identity import BreakGlass, Identity, Operator, Token
from services.internal_admin.tokens.domain import MARK, hash_of_token
from services.internal_admin.tokens.store import read_token
from services.internal_admin.tokens.uses import TokenUses
from shared.io.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Each call asks Postgres once at most, and nothing is remembered: what was revoked, has expired, or belongs to a
    disabled operator is refused with the next request, on every replica."""

    postgres: Postgres
    operators: OperatorAuthenticator
    token_uses: TokenUses
    break_glass_token: str | None = field(repr=False)

    async def by_bearer(self, text: str) -> Identity | None:
        """Whose token it is (RFC 6750), be it break-glass, an API token or an operator's session; None: nobody's."""
        if self._is_break_glass(text):
            return BreakGlass()
        return await (self._by_token(text) if text.startswith(MARK) else self.by_session(text))

    async def by_session(self, token_text: str) -> Operator | None:
        """Whose session it is; None: nobody's that lives."""
        return await self.operators.authenticate(token_text)

    async def _by_token(self, text: str) -> Token | None:
        token_hash = hash_of_token(text)
        if token_hash is None:
            return None
        found = await self.postgres.unit_of_work(partial(read_token, token_hash=token_hash))
        if found is None:
            return None
        if found.is_use_due:
            self.token_uses.note(found.token.token_id)
        return found.token

    def _is_break_glass(self, text: str) -> bool:
        """In constant time. Headers are read as latin-1, the setting as UTF-8: bytes are compared."""
        token = self.break_glass_token
        return token is not None and hmac.compare_digest(text.encode("latin-1"), token.encode())
