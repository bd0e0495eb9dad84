"""Records without a session: Postgres went back to before they began. Revoked wins (SPEC §6.4)."""

from datetime import datetime

from contracts.gateway import GatewayRecord, MalformedRecord, decode_record
from shared.io.postgres import Postgres
from shared.outbox import metrics, store
from shared.outbox.projection import Projection, StoredRecord


class StraysPass:
    """Walks over all records in Redis; revokes and announces the active ones that no session stands behind."""

    def __init__(self, postgres: Postgres, projection: Projection, epoch: str, now: datetime) -> None:
        self._postgres = postgres
        self._projection = projection
        self._epoch = epoch
        self._now = now
        self._cursor = 0

    async def step(self) -> bool:
        """One page of SCAN: every record that is there from beginning to end is seen, at least once."""
        self._cursor, device_session_ids = await self._projection.scan(self._cursor)
        if device_session_ids:
            await self._revoke_strays(device_session_ids)
        return self._cursor != 0

    async def _revoke_strays(self, device_session_ids: list[str]) -> None:
        unknown = await self._postgres.unit_of_work(
            lambda connection: store.read_unknown(connection, device_session_ids)
        )
        if not unknown:
            return
        records = await self._projection.read(unknown)
        strays = [record for record in map(_active, unknown, records) if record is not None]
        if strays:
            metrics.STRAYS.add(len(strays))
            await self._projection.revoke_strays(strays, self._epoch, self._now)


def _active(device_session_id: str, stored: StoredRecord | None) -> GatewayRecord | None:
    """The record if it could pass for an active session. A gateway takes a malformed one for none; `verify` lists it."""
    try:
        record = None if stored is None else decode_record(stored.value)
    except MalformedRecord:
        return None
    return record if record and (record.status, record.device_session_id) == ("active", device_session_id) else None
