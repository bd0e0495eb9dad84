"""The workers that wrap data keys with a new key, and that destroy secrets seven days after their deletion."""

from datetime import timedelta

from services.internal_admin.callers.identity import Caller
from services.internal_admin.secrets.domain.rewrapping import BEFORE_ALL, Batch
from services.internal_admin.secrets.store.aged import destroy_aged_secrets
from services.internal_admin.secrets.store.keys import rewrap_batch
from services.internal_admin.secrets.store.values import unreadable
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing

IDLE = timedelta(minutes=10)
REST = 1.0
"""Half of the time is for those who open secrets."""
AGED_BATCH = 50
_PASSES = 2
"""One at the start, and one ten minutes later, when every process that this one replaced has ended."""
_SYSTEM = Caller("system", None, None), Actor("system", None)


class Rewrapping:
    """Wraps every data key with the newest key, after the start of the process only.

    Any number may run. A process that still runs with an older order of keys must not bring the old key back each hour.
    A version that cannot be unwrapped ends the pass, which begins again after `IDLE`.
    """

    def __init__(self, postgres: Postgres, ring: KeyRing, entropy: Entropy) -> None:
        self._postgres, self._ring, self._entropy = postgres, ring, entropy
        self._passes, self._after = 0, BEFORE_ALL

    async def step(self) -> int:
        """Wrap a batch. Returns 0 at the end of a pass. Raises `DependencyUnavailable("postgres")`."""
        if not len(self._ring) or self._passes == _PASSES:
            return 0
        batch = await self._postgres.unit_of_work(rewrap_batch, self._ring, self._entropy, self._after, *_SYSTEM)
        self._after = BEFORE_ALL if batch.is_end else batch.last
        if batch.is_end:
            self._end(batch)
        return 0 if batch.is_end else 1

    def _end(self, batch: Batch) -> None:
        if batch.unreadable is None:
            self._passes += 1
        else:
            stop = batch.unreadable
            unreadable(stop.version.secret_id, stop.version.version)


class AgedSecrets:
    """Destroys the versions of secrets that were deleted seven days ago. Any number may run."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """Destroy a batch. Returns its number of secrets. Raises `DependencyUnavailable("postgres")`."""
        return await self._postgres.unit_of_work(destroy_aged_secrets, *_SYSTEM, limit=AGED_BATCH)
