"""Builders of valid objects. Each takes keyword overrides, so a test names only the values that it is about."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

from shared.kernel.actor import Actor
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.device_session import DeviceSession
from tests.support.database import Database

SEED_CLIENT_PUBLIC_KEY = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
SOME_INSTANT = datetime(2026, 4, 5, 12, 0, 0, tzinfo=UTC)
_numbers = count(1)


def unique(prefix: str) -> str:
    """`prefix` and a number. No text repeats in a test run."""
    return f"{prefix}{next(_numbers)}"


def email_address() -> str:
    """A new e-mail address, which no other test uses."""
    return unique("pilot-") + "@example.com"


def client_public_key(name: str | None = None) -> ClientPublicKey:
    """32 bytes that depend on `name` only. Without a name, each call gives another key. Bit 254 is off, so y < 2^255 -
    19.
    """
    raw = bytearray(hashlib.sha256((name or unique("key-")).encode()).digest())
    raw[31] &= 0x3F
    return ClientPublicKey(bytes(raw))


def actor(**changes: Any) -> Actor:
    return replace(Actor(type="admin", id="admin-1"), **changes)


def device_session(**changes: Any) -> DeviceSession:
    """An active session."""
    session = DeviceSession(
        device_session_id=unique("device-session-"),
        user_id=unique("user-"),
        client_public_key=client_public_key(),
        status="active",
        created_at=SOME_INSTANT,
    )
    return replace(session, **changes)


def revoked_device_session(**changes: Any) -> DeviceSession:
    revoked = device_session(
        status="revoked", revoked_at=SOME_INSTANT, revoke_reason_code="admin_revoke", revoke_actor=actor()
    )
    return replace(revoked, **changes)


@dataclass(frozen=True, slots=True)
class StoredUser:
    email_id: int
    user_id: str
    email: str


def store_user(database: Database, *, email: str | None = None, user_id: str | None = None) -> StoredUser:
    """Stores a user and the row of their address, as the owner of the database."""
    email = email or email_address()
    user_id = user_id or unique("user-")
    (row,) = database.execute(
        """
        with address as (
            insert into emails (folded, created_at) values (lower($1), clock_now())
            on conflict (folded) do update set folded = excluded.folded returning email_id
        )
        insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
        select $2, email_id, $1, 'en', 'Etc/UTC', clock_now() from address
        returning email_id
        """,
        email,
        user_id,
    )
    return StoredUser(row["email_id"], user_id, email)


def store_session(database: Database, user: StoredUser, **changes: Any) -> DeviceSession:
    """Stores a session of `user`, active and created now, as the owner of the database. It leaves no outbox row."""
    (row,) = database.execute("select clock_now() as now")
    session = device_session(**({"created_at": row["now"]} | changes | {"user_id": user.user_id}))
    database.execute(
        """
        insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, status,
            created_at, revoked_at, revoke_reason_code, revoke_actor_type, revoke_actor_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        session.device_session_id,
        session.user_id,
        session.client_public_key.raw,
        uuid4(),
        unique("challenge-"),
        session.status,
        session.created_at,
        session.revoked_at,
        session.revoke_reason_code,
        session.revoke_actor.type if session.revoke_actor else None,
        session.revoke_actor.id if session.revoke_actor else None,
    )
    return session
