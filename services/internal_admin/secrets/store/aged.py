"""The end of values: of deleted secrets after seven days, and of those whose key is lost."""

from collections import defaultdict

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.secrets.store.values import Vault, destroy_versions, lock_secret
from shared.io import queries
from shared.kernel.actor import Actor

_SQL = queries.load("services.internal_admin.secrets.store", "aged.sql")


async def destroy_aged_secrets(connection: asyncpg.Connection, caller: Caller, actor: Actor, limit: int) -> int:
    """Destroy the versions of up to `limit` secrets. Returns how many secrets there were.

    One transaction, with an audit row for each secret. It locks the secrets: one that was undeleted meanwhile stays.
    """
    async with connection.transaction():
        rows = await connection.fetch(*_SQL["lock_aged_secrets"](limit=limit))
        secret_ids = [row["secret_id"] for row in rows]
        for secret_id, versions in sorted((await _destroyed(connection, secret_ids)).items()):
            await insert_operator_event(
                connection, EventName.DESTROY_SECRET, "destroyed", caller,
                actor=actor, subject=secret_id, reason_code="deleted_long_ago", versions=sorted(versions),
            )  # fmt: skip
    return len(secret_ids)


async def destroy_versions_of_key(
    connection: asyncpg.Connection, vault: Vault, key_id: str, caller: Caller, actor: Actor
) -> int:
    """Destroy the versions of one secret that this key wraps, in one transaction. Returns their number; 0 at the end.

    It locks the secret and the versions, and refreshes if the current version went. What another run destroyed, or a
    service wrapped anew, is not counted and stays as it is.
    """
    while (secret_id := await connection.fetchval(*_SQL["find_secret_of_key"](key_id=key_id))) is not None:
        async with connection.transaction():
            await lock_secret(connection, secret_id)
            rows = await connection.fetch(*_SQL["lock_versions_of_key"](secret_id=secret_id, key_id=key_id))
            versions = await destroy_versions(connection, vault, secret_id, [row["version"] for row in rows])
            if versions:
                await insert_operator_event(
                    connection, EventName.DESTROY_SECRET, "destroyed", caller,
                    actor=actor, subject=secret_id, reason_code="key_lost", versions=versions,
                )  # fmt: skip
                return len(versions)
    return 0


async def _destroyed(connection: asyncpg.Connection, secret_ids: list[str]) -> dict[str, list[int]]:
    """The numbers of the destroyed versions, by secret."""
    versions: defaultdict[str, list[int]] = defaultdict(list)
    for row in await connection.fetch(*_SQL["destroy_all_versions"](secret_ids=secret_ids)):
        versions[row["secret_id"]].append(row["version"])
    return versions
