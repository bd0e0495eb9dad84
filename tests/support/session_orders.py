"""Orders of self-service as the public process files them: signed by a device, inserted under the public role."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients.gateway.signature import Signer
from contracts.self_service import CURRENT_PATH, REVOKE_OTHERS_PATH, SESSIONS_PATH
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.device_session import DeviceSession
from shared.kernel.projection_change import ProjectionChange
from tests.support.builders import StoredUser, store_session, store_user, unique
from tests.support.gateway_projection import GatewayProjection
from tests.support.world import World

REVOKE_OTHERS = f"POST {REVOKE_OTHERS_PATH}"
NAME = f"PATCH {CURRENT_PATH}"
NOTICE_TOKEN = bytes(range(32))


@dataclass(frozen=True, slots=True)
class Device:
    """An active session with its private key."""

    user: StoredUser
    session: DeviceSession
    signer: Signer

    @property
    def id(self) -> str:
        return self.session.device_session_id


def revoke(device: Device) -> str:
    """The message type of an order that ends the device's session."""
    return f"DELETE {SESSIONS_PATH}/{device.id}"


def new_device(world: World, user: StoredUser | None = None, **changes: Any) -> Device:
    """Stores a session of a user, or of a new one."""
    user = user or store_user(world.database)
    private_key = Ed25519PrivateKey.generate()
    key = ClientPublicKey(private_key.public_key().public_bytes_raw())
    session = store_session(world.database, user, client_public_key=key, **changes)
    return Device(user, session, Signer(session.device_session_id, private_key))


def publish(gateway: GatewayProjection, *devices: Device) -> None:
    """Lets gateways know the sessions, as a login does."""
    gateway.publish([ProjectionChange(-1 - place, device.session) for place, device in enumerate(devices)])


def signed(
    world: World, device: Device, message_type: str, body: bytes = b"", *, age: timedelta = timedelta()
) -> dict[str, Any]:
    """The columns of an order, signed `age` ago by the clock of Postgres. A negative age is in the future."""
    (row,) = world.database.execute(
        "select floor(extract(epoch from clock_now() - $1::interval) * 1000)::bigint as at", age
    )
    request_id = unique("request-")
    envelope = device.signer.sign(message_type, body, timestamp_ms=row["at"], request_id=request_id)
    return {
        "device_session_id": device.id,
        "request_id": request_id,
        "message_type": message_type,
        "timestamp_ms": row["at"],
        "body": body,
        "signature": envelope.signature,
    }


def file_order(world: World, columns: Mapping[str, Any]) -> int:
    """Inserts an order under the public role, as any holder of its password can. Returns its id."""
    values = {"network": "192.0.2.1", "http_request_id": "http-1"} | dict(columns)
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    sql = f"insert into session_orders ({', '.join(values)}) values ({places}) returning order_id"

    async def insert(connection: asyncpg.Connection) -> int:
        return await connection.fetchval(sql, *values.values())

    return world.call(world.public.unit_of_work, insert)


def file_signed(
    world: World, device: Device, message_type: str, body: bytes = b"", *, age: timedelta = timedelta()
) -> int:
    return file_order(world, signed(world, device, message_type, body, age=age))


def store_notice(world: World, device: Device, token: bytes, *, age: timedelta = timedelta()) -> None:
    """Stores the notice of a session, as its login does."""
    world.database.execute(
        """
        insert into session_notices (notice_id, device_session_id, token_hash, created_at)
        values (gen_random_uuid(), $1, $2, clock_now() - $3::interval)
        """,
        device.id,
        hashlib.sha256(token).digest(),
        age,
    )


def file_token(world: World, token: bytes, *, everything: bool = False) -> int:
    return file_order(world, {"token_hash": hashlib.sha256(token).digest(), "everything": everything})


@dataclass(frozen=True, slots=True)
class Filed:
    """An order as it stands."""

    outcome: str | None
    session_count: int | None
    is_published: bool


def order(world: World, order_id: int) -> Filed:
    (row,) = world.database.execute("select * from session_orders where order_id = $1", order_id)
    return Filed(row["outcome"], row["session_count"], row["published_at"] is not None)


def status(world: World, device: Device) -> tuple[str, str | None]:
    """A session's status in Postgres, and the reason of its end."""
    (row,) = world.database.execute("select * from device_sessions where device_session_id = $1", device.id)
    return row["status"], row["revoke_reason_code"]


def events(world: World, *subjects: str) -> list[asyncpg.Record]:
    """The rows of the trail about the subjects, oldest first."""
    return world.database.execute("select * from audit_events where subject = any ($1) order by audit_id", subjects)


def by_another_key(device: Device) -> Device:
    """The device with a key that was not registered."""
    return replace(device, signer=Signer(device.id, Ed25519PrivateKey.generate()))
