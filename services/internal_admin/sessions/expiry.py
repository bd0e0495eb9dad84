"""Worker: sessions that are older than the setting `session_max_age` are revoked and published (SPEC §5.3)."""

from datetime import timedelta
from functools import partial

from services.internal_admin.sessions.session_expiry import revoke_aged_sessions
from shared.io.postgres import Postgres
from shared.lifecycle.supervision import Signal

BATCH = 100
IDLE = timedelta(seconds=20)
REST = 4.0
"""A lowered setting can age a million sessions at once: a fifth of the time is for them, the rest for logins."""


class SessionExpiry:
    """Any number may run. Gateways let go of such a session by themselves: its record ends with its age."""

    def __init__(self, postgres: Postgres, relay_wake: Signal) -> None:
        """`relay_wake` is notified of every batch: what was revoked is published by the relay."""
        self._postgres = postgres
        self._relay_wake = relay_wake

    async def step(self) -> int:
        """Revoke a batch; how many. Raises `DependencyUnavailable("postgres")`; repeats are harmless."""
        revoked = await self._postgres.unit_of_work(partial(revoke_aged_sessions, limit=BATCH))
        if revoked:
            self._relay_wake.notify()
        return revoked
