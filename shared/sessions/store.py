"""Turns rows of `device_sessions` into values."""

import asyncpg

from shared.kernel.actor import Actor
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.device_session import DeviceSession
from shared.kernel.projection_change import ProjectionChange


def device_session(row: asyncpg.Record) -> DeviceSession:
    """The session of a row that has every column of `device_sessions`. Other columns are ignored."""
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
    """The change of a row with every column of `device_sessions`, and the `outbox_id` that its statement inserted."""
    return ProjectionChange(row["outbox_id"], device_session(row))


def _revoke_actor(row: asyncpg.Record) -> Actor | None:
    return None if row["revoke_actor_type"] is None else Actor(row["revoke_actor_type"], row["revoke_actor_id"])
