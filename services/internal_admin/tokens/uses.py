"""Worker: keeps when tokens were last used, within seconds and off the requests' way (SPEC §10.7)."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from services.internal_admin.tokens.store import keep_last_use
from services.internal_admin.tokens.token_uses import TokenUses
from shared.io.postgres import Postgres

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
            await self.postgres.unit_of_work(partial(keep_last_use, token_ids=token_ids))
        return len(token_ids)
