"""Whether the ring of this process has every key that stored versions need. A process without one is not to serve."""

import logging
from collections.abc import Mapping
from contextlib import suppress

from services.internal_admin.secrets.store.keys import count_versions_of_keys
from services.internal_admin.secrets.store.values import show_that_none_is_unreadable
from shared.config import variables
from shared.io.postgres import Postgres
from shared.kernel.faults import ConfigurationError, DependencyUnavailable
from shared.kernel.keyring import KeyRing
from shared.web.health import NotReady

_log = logging.getLogger("authsession.secrets")


class RingWatch:
    """Judges the ring once. A key that another process brings in later makes only its own secrets unreadable here.

    Otherwise one process with a key of its own would take all others out of service.
    """

    def __init__(self, postgres: Postgres, ring: KeyRing) -> None:
        self._postgres, self._ring = postgres, ring
        self._has_passed = False
        self._told: list[str] = []

    async def refuse_start(self) -> None:
        """Raises `ConfigurationError` if a key is missing. Without Postgres the process starts; see `check`."""
        show_that_none_is_unreadable()
        with suppress(DependencyUnavailable):
            problems = await self._problems()
            if problems:
                raise ConfigurationError(problems)

    async def check(self) -> None:
        """The check for `/readyz`, until it passes for the first time.

        Raises `NotReady` if a key is missing, and `DependencyUnavailable("postgres")`. Each new answer is logged once.
        """
        problems = [] if self._has_passed else await self._problems()
        if problems and problems != self._told:
            self._told = problems
            for problem in problems:
                _log.error("key of secrets is missing", extra={"problem": problem})
        if problems:
            raise NotReady("secret_key_missing")

    async def _problems(self) -> list[str]:
        needed = await self._postgres.unit_of_work(count_versions_of_keys)
        problems = missing_keys(self._ring, needed)
        self._has_passed = not problems
        return problems


def missing_keys(ring: KeyRing, needed: Mapping[str, int]) -> list[str]:
    """One sentence with its cure for each key that versions need and `ring` lacks."""
    name = variables.SECRET_KEYS.name
    return [
        f"{name} lacks the key {key_id}: {_versions(count)} it; put it back, or if it is lost for good, destroy these "
        f"versions by `authsession secrets abandon-key {key_id}`"
        for key_id, count in needed.items()
        if ring.get(key_id) is None
    ]


def _versions(count: int) -> str:
    return "1 version of a secret needs" if count == 1 else f"{count} versions of secrets need"
