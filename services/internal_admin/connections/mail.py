"""The copy of the default mail connection that the courier of the public process reads (SPEC §18.5).

Every change of the default, or of its accepted revision, brings the copy along in its own transaction. A worker seals
the copy again under the newest key.
"""

import json
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import asyncpg

from contracts.connection_kinds import KINDS
from contracts.errors import Refusal
from services.internal_admin.connections.references import open_refs, refs_of
from services.internal_admin.secrets.domain.secret import SecretGone, UnreadableSecret
from shared.io import queries
from shared.io.postgres import Postgres
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.kernel.mail_connection import MailConnection, Place, seal_mail_connection, unseal_mail_connection
from shared.kernel.sealing import Unsealable

IDLE: Final = timedelta(seconds=30)
_SQL = queries.load("services.internal_admin.connections")
_log = logging.getLogger("authsession.connections.mail")


@dataclass(frozen=True, slots=True)
class MailCopy:
    """The means to bring the copy along: the keys of secrets, and those that both processes have."""

    secret_keys: KeyRing = field(repr=False)
    sealing_keys: KeyRing = field(repr=False)
    entropy: Entropy


async def bring_along(connection: asyncpg.Connection, copy: MailCopy) -> bool:
    """Bring the copy to the state of the transaction. False if it was in that state, under the newest key.

    Run it at the end of a transaction: whatever locks the copy locks nothing after it. What it reads is newer than its
    lock, so of two transactions the second one sees the first.
    Raises `Refusal(SECRET_KEYS_MISSING)`, and `SecretGone` or `UnreadableSecret` for a secret that cannot be read.
    """
    kept = await connection.fetchrow(*_SQL["lock_mail_copy"]())
    default = await connection.fetchrow(*_SQL["read_mail_default"]())
    assert kept is not None  # the table has one row, which no role may delete
    if default is None:
        if kept["connection_id"] is not None:
            await _write(connection, None, None, None)
        return kept["connection_id"] is not None
    place = Place(default["connection_id"], default["revision"])
    if _is_good(copy.sealing_keys, place, kept):
        return False
    kind = KINDS[default["kind"]]
    secrets = await open_refs(connection, copy.secret_keys, kind, refs_of(default))
    mail = MailConnection(kind.kind, json.loads(default["settings"]), secrets)
    await _write(connection, place, *seal_mail_connection(copy.sealing_keys, place, mail, copy.entropy))
    return True


class MailCopyKeeper:
    """The worker: the copy is under the newest key, and readable, soon after a process with that key has started."""

    def __init__(self, postgres: Postgres, copy: MailCopy) -> None:
        self._postgres = postgres
        self._copy = copy

    async def step(self) -> int:
        """Look once. Any number may run. Raises `DependencyUnavailable("postgres")`."""
        try:
            if await self._postgres.unit_of_work(_bring_along_alone, self._copy):
                _log.info("the mail connection of the courier is sealed anew")
        except (Refusal, SecretGone, UnreadableSecret) as fault:
            _log.warning(
                "the mail connection of the courier cannot be sealed anew: a secret of it is not readable",
                extra={"fault": type(fault).__name__},
            )
        return 0


async def _bring_along_alone(connection: asyncpg.Connection, copy: MailCopy) -> bool:
    async with connection.transaction():
        return await bring_along(connection, copy)


def _is_good(keys: KeyRing, place: Place, kept: asyncpg.Record) -> bool:
    if (kept["connection_id"], kept["connection_revision"]) != (place.connection_id, place.revision):
        return False
    if kept["key_id"] != keys.newest.id:
        return False
    try:
        unseal_mail_connection(keys, place, kept["key_id"], kept["sealed"])
    except Unsealable:
        return False
    return True


async def _write(connection: asyncpg.Connection, place: Place | None, key_id: str | None, sealed: bytes | None) -> None:
    await connection.execute(
        *_SQL["write_mail_copy"](
            connection_id=None if place is None else place.connection_id,
            connection_revision=None if place is None else place.revision,
            key_id=key_id,
            sealed=sealed,
        )
    )
