"""Uses of API tokens: noted in memory, and written by a worker. No request waits for that."""

from dataclasses import dataclass
from datetime import timedelta

from services.internal_admin.tokens.store import keep_last_use
from shared.io.postgres import Postgres

IDLE = timedelta(seconds=2)


class TokenUses:
    """The tokens whose use this process has not written yet. A crash loses them. They are at most as many as tokens."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def note(self, token_id: str) -> None:
        """The token was used now."""
        self._noted.add(token_id)

    def taken(self) -> frozenset[str]:
        """The tokens noted since the last call."""
        taken, self._noted = frozenset(self._noted), set()
        return taken


@dataclass(frozen=True, slots=True)
class KeepTokenUses:
    """The worker that writes uses: one statement for all tokens used since the last step, none if none was."""

    postgres: Postgres
    uses: TokenUses

    async def step(self) -> int:
        """Write the uses and return how many tokens they concern. Without Postgres these uses are lost."""
        token_ids = self.uses.taken()
        if token_ids:
            await self.postgres.unit_of_work(keep_last_use, token_ids)
        return len(token_ids)
