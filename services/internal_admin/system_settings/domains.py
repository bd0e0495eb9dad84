"""Worker: the sessions of blocked e-mail domains are revoked and published, in small batches."""

from datetime import timedelta
from functools import partial

from services.internal_admin.system_settings.domain_revocation import revoke_next_of_domains
from shared.io.postgres import Postgres
from shared.lifecycle.supervision import Signal

BATCH = 500
IDLE = timedelta(seconds=2)
"""How long a domain that was blocked by another process waits at most: the process that was asked is woken."""
REST = 4.0
"""A domain may have a million sessions: a fifth of the time is for them, the rest for logins."""


class DomainRevocation:
    """Any number may run. Killed at any point, it goes on where the last committed batch ended."""

    def __init__(self, postgres: Postgres, relay_wake: Signal) -> None:
        """`relay_wake` is notified of every batch: what was revoked is published by the relay."""
        self.wake = Signal()
        """To be notified when a domain was blocked."""
        self._postgres = postgres
        self._relay_wake = relay_wake

    async def step(self) -> int:
        """Revoke a batch; `BATCH` while there are orders, else 0. Raises `DependencyUnavailable("postgres")`."""
        batch = await self._postgres.unit_of_work(partial(revoke_next_of_domains, limit=BATCH))
        if batch.revoked:
            self._relay_wake.notify()
        return BATCH if batch.worked else 0
