"""Domain: which tokens were used, until a worker keeps it. No request waits for that."""

from dataclasses import dataclass
from datetime import timedelta

from services.internal_admin.tokens.store import keep_last_use
from shared.io.postgres import Postgres


class TokenUses:
    """Of this process; those not kept yet are lost with it. As many as there are tokens at most."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def note(self, token_id: str) -> None:
        """The token was used now."""
        self._noted.add(token_id)

    def taken(self) -> frozenset[str]:
        """Those noted since the last call."""
        taken, self._noted = frozenset(self._noted), set()
        return taken


IDLE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class KeepTokenUses:
    """One statement for all tokens that were used since the last step; none if none was."""

    postgres: Postgres
    uses: TokenUses

    async def step(self) -> int:
        """How many tokens. If Postgres is away their next use is kept instead: this one is lost."""
        token_ids = self.uses.taken()
        if token_ids:
            await self.postgres.unit_of_work(keep_last_use, token_ids)
        return len(token_ids)
