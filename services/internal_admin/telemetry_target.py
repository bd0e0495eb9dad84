"""The default connection `telemetry` as the relay of node telemetry needs it: two features of one floor meet here."""

import asyncpg

from contracts.connection_kinds import header_list
from contracts.errors import Refusal
from services.internal_admin.connection_health.store import note_refused
from services.internal_admin.connection_health.worker import tell
from services.internal_admin.connections import store as connections
from services.internal_admin.node_telemetry.collector import Collector
from services.internal_admin.node_telemetry.default import DefaultCollector, Target, TargetUnreadable
from services.internal_admin.resources import Resources
from services.internal_admin.secrets.domain.secret import SecretGone, UnreadableSecret
from services.internal_admin.settings import InternalAdminSettings
from shared.io.egress import Egress
from shared.io.postgres import Postgres
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.lifecycle.supervision import weather


def collectors_of(
    resources: Resources, settings: InternalAdminSettings, egress: Egress
) -> Collector | DefaultCollector:
    """The collector of the environment, which wins, or the one of the default connection."""
    targets = TelemetryTargets(resources.postgres, settings.secret_keys, resources.entropy)
    return resources.collector or DefaultCollector(targets, egress)


class TelemetryTargets:
    """Reads the default with its headers, and tells its health of a refusal."""

    def __init__(self, postgres: Postgres, keys: KeyRing, entropy: Entropy) -> None:
        self._postgres = postgres
        self._keys = keys
        self._entropy = entropy

    async def read(self) -> Target | None:
        """The default; None if there is none. Raises `TargetUnreadable` and `DependencyUnavailable("postgres")`."""
        try:
            return await self._postgres.unit_of_work(_read, self._keys)
        except (Refusal, SecretGone, UnreadableSecret):
            raise TargetUnreadable from None

    async def note_refused(self, target: Target) -> None:
        """The far end refused the headers of this revision. A Postgres that is away is logged."""
        with weather("telemetry connection"):
            change = await self._postgres.unit_of_work(
                note_refused, target.connection_id, target.revision, self._entropy
            )
            if change is not None:
                tell(change)


async def _read(connection: asyncpg.Connection, keys: KeyRing) -> Target | None:
    """All statements read one state, so a revision that is replaced meanwhile has its secret."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        found = await connections.read_default(connection, keys, "telemetry")
    if found is None:
        return None
    headers = header_list(found.secrets["headers"]) or {} if "headers" in found.secrets else {}
    return Target(found.connection_id, found.revision, str(found.settings["endpoint"]), headers)
