"""Audit rows for tests. The owner of the database writes them; the product's code seals and verifies them."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg

from authsession.audit_verify import verify_trail
from services.internal_admin.audit.domain.chain import Place
from services.internal_admin.audit.store.seals import ChainEnd, read_chain_end, seal_batch
from shared.kernel.keyring import KeyRing
from tests.support.stack import AUDIT_KEYS
from tests.support.world import World

KEYS = KeyRing.parse("test", AUDIT_KEYS)
OLD_AND_NEW_KEYS = KeyRing.parse("test", "k2:" + "YW5vdGhlci1hdWRpdC1rZXktb2YtdGVzdHMtMzItYnk=," + AUDIT_KEYS)
LONG_AGO = timedelta(days=500)
"""An age past every default retention."""


def add_rows(world: World, number: int, *, age: timedelta = timedelta(), **columns: Any) -> list[int]:
    """Adds rows, one second apart, and returns their ids. The newest is `age` old by the server's own clock."""
    rows = world.database.execute(
        """
        insert into audit_events (occurred_at, event, outcome, caller, subject, actor_type, actor_id, details)
        select clock_timestamp() - $2::interval - ($1 - n) * interval '1 second', $3, $4, $5, $6, $7, $8, $9::jsonb
          from generate_series(1, $1::int) as n order by n
        returning audit_id
        """,
        number,
        age,
        columns.get("event", "security.revoke_session"),
        columns.get("outcome", "revoked"),
        columns.get("caller", "operator-1"),
        columns.get("subject", "device-session-1"),
        columns.get("actor_type"),
        columns.get("actor_id"),
        columns.get("details", '{"user_id": "user-1"}'),
    )
    return [row["audit_id"] for row in rows]


def seal_all(world: World, keys: KeyRing = KEYS) -> None:
    """Seals every unsealed row, as a sealer does that begins now."""

    async def seal(connection: asyncpg.Connection) -> None:
        end = await read_chain_end(connection)
        looked_at = 1
        while looked_at:
            sealed = await seal_batch(connection, end, keys.newest, limit=100, now=0)
            end, looked_at = sealed.end, sealed.looked_at

    world.call(world.internal.unit_of_work, seal)


def chain_end(world: World) -> ChainEnd:
    return world.call(world.internal.unit_of_work, read_chain_end)


def verify(world: World, keys: KeyRing = KEYS, anchors: Iterable[Place] = ()) -> list[str]:
    """The findings of `authsession audit verify`."""
    findings: list[str] = []
    body = partial(verify_trail, keys=keys, anchors=anchors, say=findings.append, note=lambda _: None)
    world.call(world.owner.unit_of_work, body)
    return findings


def notes(world: World, keys: KeyRing = KEYS, anchors: Iterable[Place] = ()) -> str:
    """Everything that `authsession audit verify` says: findings and notes."""
    said: list[str] = []
    body = partial(verify_trail, keys=keys, anchors=anchors, say=said.append, note=said.append)
    world.call(world.owner.unit_of_work, body)
    return "\n".join(said)


def empty_trail(world: World) -> None:
    """Makes the trail as empty as after a migration."""
    world.database.execute(
        """
        truncate audit_events, audit_seal restart identity;
        update audit_sealer set floor = 0;
        update audit_checkpoint set seq = 0, chain_mac = decode(repeat('00', 32), 'hex'), key_id = null, mac = null;
        """
    )
