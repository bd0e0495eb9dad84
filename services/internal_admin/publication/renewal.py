"""Signs manifests again: each day with new times, at the start of a process if the keys of its ring are others, and
when they name other secrets than they should.

A change of a secret signs its manifests itself, but cannot do so without configuration keys. And an older release that
runs beside this one signs manifests without noting the secrets that they name.
"""

import logging
from datetime import timedelta

from opentelemetry import metrics

from contracts.errors import Refusal
from services.internal_admin.publication.domain.wake import Wake
from services.internal_admin.publication.store import references, resigning
from shared.io.postgres import Postgres
from shared.kernel.config_keys import ConfigKeys

IDLE = timedelta(hours=1)

_RENEWED = metrics.get_meter("authsession").create_counter(
    "authsession.config.renewed", unit="{pool}", description="Pools whose manifests were signed again."
)
_log = logging.getLogger("authsession.publication.renewal")


class ManifestRenewal:
    """Any number of processes may run it. A process without keys does nothing."""

    def __init__(self, postgres: Postgres, keys: ConfigKeys, wake: Wake) -> None:
        self._postgres, self._keys, self._wake = postgres, keys, wake
        self._has_taken_keys = False

    async def step(self) -> int:
        """Renew every manifest that is a day old or names other secrets than it should. Returns their number.

        Raises `DependencyUnavailable("postgres")`."""
        if not self._keys.public_keys():
            return 0
        renewed = await self._take_keys()
        for pool in await self._postgres.unit_of_work(resigning.list_aged_pools):
            renewed += await self._postgres.unit_of_work(resigning.renew, self._keys, pool)
        for pool in await self._postgres.unit_of_work(references.list_stale_pools):
            renewed += await self._refreshed(pool)
        if renewed:
            _RENEWED.add(renewed)
            self._wake.notify()
        return renewed

    async def _refreshed(self, pool: str) -> bool:
        try:
            return await self._postgres.unit_of_work(references.refresh_pool, self._keys, pool)
        except Refusal as refusal:
            _log.error("manifest cannot name its secrets", extra={"pool": pool, "reason": refusal.message})
            return False

    async def _take_keys(self) -> int:
        """The first time only. A process that still runs with older keys must not bring them back each hour."""
        if self._has_taken_keys:
            return 0
        taken = await self._postgres.unit_of_work(resigning.take_keys, self._keys)
        self._has_taken_keys = True
        if taken:
            _log.info("manifests signed with other keys", extra={"count": taken})
        return taken
