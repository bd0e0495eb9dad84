"""Flow: what the guard itself puts on the audit trail (SPEC §10.8)."""

from dataclasses import dataclass
from functools import partial

from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from shared.io.postgres import Postgres


@dataclass(frozen=True, slots=True)
class GuardTrail:
    """`route` is a template: what was typed into a path stays out of the trail."""

    postgres: Postgres

    async def add_refusal(self, caller: Caller, method: str, route: str, outcome: str) -> None:
        """A mutation was refused before it was looked at; `outcome` is the code of the error."""
        await self._add("security.refuse_request", caller, method, route, outcome)

    async def add_break_glass_use(self, caller: Caller, method: str, route: str, outcome: str) -> None:
        """The break-glass token was presented; `outcome` is `admitted` or the code of the error."""
        await self._add("security.use_break_glass", caller, method, route, outcome)

    async def _add(self, event: str, caller: Caller, method: str, route: str, outcome: str) -> None:
        await self.postgres.unit_of_work(
            partial(insert_operator_event, event=event, outcome=outcome, caller=caller, method=method, route=route)
        )
