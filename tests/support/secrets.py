"""Secrets as rooms and operators write them, by units of work of the internal role: no HTTP, no Redis."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import asyncpg

from services.internal_admin.callers.identity import Caller
from services.internal_admin.secrets.domain.secret import SecretScope, StoredVersion
from services.internal_admin.secrets.store import values
from services.internal_admin.secrets.store.values import Vault
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_connection_id
from shared.kernel.keyring import KeyRing
from tests.support.world import World

CALLER = Caller("operator-1", "192.0.2.7", "request-1")
RING = KeyRing.parse("test", "k1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")


class Refreshes:
    """A `Refresh` that notes the secrets that it was called with."""

    def __init__(self) -> None:
        self.of: list[tuple[str, ...]] = []

    async def __call__(self, connection: asyncpg.Connection, secret_ids: Sequence[str]) -> None:
        assert connection.is_in_transaction()
        self.of.append(tuple(secret_ids))


class Keeper:
    """Units of work on secrets, each in a transaction. `…_of` are trio functions to race; the others run at once."""

    def __init__(self, world: World, postgres: Postgres | None = None, ring: KeyRing = RING) -> None:
        self.world, self.refreshes = world, Refreshes()
        self.vault = Vault(ring, self.refreshes, SystemClock(), SystemEntropy())
        self._postgres = postgres or world.internal

    def connection(self) -> SecretScope:
        """The scope of a new connection."""
        return SecretScope("connection", new_connection_id(SystemClock(), SystemEntropy()))

    def insert(self, scope: SecretScope, name: str, value: bytes, **more: Any) -> StoredVersion:
        return self.run(values.insert_version, self.vault, scope, name, value, created_by="operator-1", **more)

    def read(self, version: StoredVersion, **more: Any) -> bytes:
        return self.run(values.read_value, self.vault.keys, version, **more)

    def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self.world.call(self.unit_of(function, *args, **kwargs))

    def unit_of(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return partial(self._postgres.unit_of_work, _in_transaction, function, *args, **kwargs)


async def _in_transaction(connection: asyncpg.Connection, function: Any, *args: Any, **kwargs: Any) -> Any:
    async with connection.transaction():
        return await function(connection, *args, **kwargs)
