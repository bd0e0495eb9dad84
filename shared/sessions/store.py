"""Store: a row of `device_sessions` as a `DeviceSession`. Knows column names and nothing else."""

import asyncpg

from shared.kernel.actor import Actor
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.device_session import DeviceSession
from shared.kernel.projection_change import ProjectionChange


def device_session(row: asyncpg.Record) -> DeviceSession:
    """The session of a row that has every column of `device_sessions`; other columns are ignored."""
    return DeviceSession(
        device_session_id=row["device_session_id"],
        user_id=row["user_id"],
        client_public_key=ClientPublicKey(row["client_public_key"]),
        status=row["status"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        revoke_reason_code=row["revoke_reason_code"],
        revoke_actor=_revoke_actor(row),
    )


def projection_change(row: asyncpg.Record) -> ProjectionChange:
    """The same, from a row that also has the `outbox_id` its statement inserted."""
    return ProjectionChange(row["outbox_id"], device_session(row))


def _revoke_actor(row: asyncpg.Record) -> Actor | None:
    return None if row["revoke_actor_type"] is None else Actor(row["revoke_actor_type"], row["revoke_actor_id"])
