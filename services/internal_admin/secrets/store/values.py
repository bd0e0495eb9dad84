"""Values of secrets, for every room: versions, deletions and reading. These functions write no audit row.

Run each in the caller's transaction. A function that locks says so. A caller that locks more than one secret locks them
in the order of their ids.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg
from opentelemetry import metrics

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.secrets.domain.sealing import SealedVersion, SecretPlace, open_value, seal_value
from services.internal_admin.secrets.domain.secret import (
    MAX_SECRETS,
    TOO_MANY_SECRETS,
    Secret,
    SecretGone,
    SecretScope,
    StoredVersion,
    UnreadableSecret,
    Usage,
)
from shared.io import queries
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.faults import InvariantBroken
from shared.kernel.ids import new_secret_id
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable

_SQL = queries.load("services.internal_admin.secrets.store", "values.sql")
_UNSEALABLE = metrics.get_meter("authsession").create_counter(
    "authsession.secrets.unsealable", unit="{secret}", description="Secrets that could not be opened."
)
_log = logging.getLogger("authsession.secrets")

Refresh: TypeAlias = Callable[[asyncpg.Connection, Sequence[str]], Awaitable[None]]
"""Brings the manifests that name these secrets, or shall name them, to the state of the transaction.

It locks pools by name and then heads. All secrets of one transaction are given at once, so that two transactions lock
pools in one order. It may raise `Refusal`; then the transaction ends without any change.
"""


@dataclass(frozen=True, slots=True)
class Vault:
    """The means to write secrets. `keys` may be empty: then a function that seals or opens raises `Refusal`."""

    keys: KeyRing = field(repr=False)
    refresh: Refresh
    clock: Clock
    entropy: Entropy


async def insert_version(
    connection: asyncpg.Connection,
    vault: Vault,
    scope: SecretScope,
    name: str,
    value: bytes,
    *,
    created_by: str,
    usage: Usage = "system",
    make_current: bool = False,
) -> StoredVersion:
    """A new version of the secret of that scope and name, which is made if there is none.

    The value has 1 to 65,536 bytes. A version that is not current is a candidate: no manifest names it, `read_value`
    reads it, and `make_current` accepts it. Versions past the number to keep are destroyed, but never the current one.

    Locks the scope's names if it makes the secret, then the secret; refreshes if `make_current`.
    Raises `Refusal(SECRET_KEYS_MISSING)` and `Refusal(LIMIT_REACHED)`.
    """
    require_keys(vault.keys)
    secret = await lock_named(connection, scope, name)
    if secret is None:
        secret = await create_secret(connection, scope, name, usage, new_secret_id(vault.clock, vault.entropy))
    if secret is None:
        raise Refusal(TOO_MANY_SECRETS.code, TOO_MANY_SECRETS.message)
    return await add_version(connection, vault, secret, value, created_by, make_current=make_current)


async def make_current(connection: asyncpg.Connection, vault: Vault, version: StoredVersion) -> bool:
    """Make an enabled version current. False if there is no such version; then nothing changes.

    Locks the secret, and refreshes.
    """
    return await replace_current(connection, vault, [version], [])


async def replace_current(
    connection: asyncpg.Connection, vault: Vault, versions: Sequence[StoredVersion], deleted: Sequence[str]
) -> bool:
    """Make enabled versions of different secrets current, and delete other secrets.

    False if one of the versions is not there; then nothing changes. Locks all the secrets, and refreshes once.
    """
    secret_ids = [*(each.secret_id for each in versions), *deleted]
    if not secret_ids:
        return True
    await connection.execute(*_SQL["lock_secrets"](secret_ids=secret_ids))
    numbers = [each.version for each in versions]
    query = _SQL["write_current_versions"](secret_ids=secret_ids[: len(versions)], versions=numbers)
    if len(await connection.fetch(*query)) < len(versions):
        return False
    await write_deleted(connection, deleted)
    await vault.refresh(connection, secret_ids)
    return True


async def lock_secrets_of(connection: asyncpg.Connection, scope: SecretScope) -> tuple[str, ...]:
    """Lock the secrets of a scope that are not deleted. Returns their ids."""
    rows = await connection.fetch(*_SQL["lock_secrets_of"](scope_kind=scope.kind, scope_id=scope.id))
    return tuple(row["secret_id"] for row in rows)


async def destroy_versions(
    connection: asyncpg.Connection, vault: Vault, secret_id: str, versions: Iterable[int]
) -> tuple[int, ...]:
    """Erase versions for good. Returns those that were not destroyed before, sorted.

    If the current version is among them, the secret has no current version any more: an older value never comes back by
    itself. Locks the secret; refreshes if the current version went.
    """
    await lock_secret(connection, secret_id)
    destroyed = await _destroyed(connection, secret_id, versions)
    if await connection.fetchval(*_SQL["clear_current_version"](secret_id=secret_id, versions=destroyed)) is not None:
        await vault.refresh(connection, [secret_id])
    return tuple(destroyed)


async def delete_secrets_of(connection: asyncpg.Connection, refresh: Refresh, scope: SecretScope) -> tuple[str, ...]:
    """Delete all secrets of a scope. Returns their ids. Nodes lose them in this transaction; seven days later a worker
    destroys them.

    Locks the secrets, and refreshes.
    """
    secret_ids = await lock_secrets_of(connection, scope)
    await write_deleted(connection, secret_ids)
    if secret_ids:
        await refresh(connection, secret_ids)
    return secret_ids


async def find_by_name(connection: asyncpg.Connection, scope: SecretScope, name: str) -> Secret | None:
    """The secret of that scope and name that is not deleted; None if there is none. Locks nothing."""
    row = await connection.fetchrow(*_SQL["find_secret"](scope_kind=scope.kind, scope_id=scope.id, name=name))
    return None if row is None else secret_of(row)


async def read_value(
    connection: asyncpg.Connection, keys: KeyRing, version: StoredVersion, *, also_disabled: bool = False
) -> bytes:
    """The value of one version, as `read_values` reads it."""
    return (await read_values(connection, keys, [version], also_disabled=also_disabled))[version]


async def read_values(
    connection: asyncpg.Connection, keys: KeyRing, versions: Sequence[StoredVersion], *, also_disabled: bool = False
) -> dict[StoredVersion, bytes]:
    """The values of these versions, all or none. A version that is not current is read too.

    It does not check grants and locks nothing. Raises `SecretGone` for a version that does not exist, is destroyed, or
    is disabled (as all versions of a deleted secret are), `UnreadableSecret` for a row that was changed, and
    `Refusal(SECRET_KEYS_MISSING)` if a key is missing.
    """
    require_keys(keys)
    secret_ids, numbers = [each.secret_id for each in versions], [each.version for each in versions]
    rows = await connection.fetch(*_SQL["read_versions"](secret_ids=secret_ids, versions=numbers))
    readable = ("enabled", "disabled") if also_disabled else ("enabled",)
    sealed = {StoredVersion(row["secret_id"], row["version"]): row for row in rows if row["state"] in readable}
    if any(each not in sealed for each in versions):
        raise SecretGone
    return {each: _opened(keys, sealed[each]) for each in versions}


def require_keys(keys: KeyRing) -> None:
    """Raises `Refusal(SECRET_KEYS_MISSING)` if the ring is empty."""
    if not len(keys):
        raise Refusal(ErrorCode.SECRET_KEYS_MISSING)


async def lock_named(connection: asyncpg.Connection, scope: SecretScope, name: str) -> Secret | None:
    """Lock the secret of that scope and name; None if there is none. Then the scope's names are locked instead."""
    while True:
        found = await find_by_name(connection, scope, name)
        if found is None:
            await connection.execute(*_SQL["lock_scope"](scope_kind=scope.kind, scope_id=scope.id))
            found = await find_by_name(connection, scope, name)
        if found is None:
            return None
        locked = await lock_secret(connection, found.secret_id)
        if locked is not None and locked.deleted_at is None:
            return locked


async def lock_secret(connection: asyncpg.Connection, secret_id: str) -> Secret | None:
    """Lock a secret, deleted or not, until the transaction ends; None if there is none."""
    row = await connection.fetchrow(*_SQL["lock_secret"](secret_id=secret_id))
    return None if row is None else secret_of(row)


async def lock_scope(connection: asyncpg.Connection, scope: SecretScope) -> None:
    """Lock the names of a scope. Run it before secrets are locked."""
    await connection.execute(*_SQL["lock_scope"](scope_kind=scope.kind, scope_id=scope.id))


async def create_secret(
    connection: asyncpg.Connection, scope: SecretScope, name: str, usage: Usage, secret_id: str
) -> Secret | None:
    """A secret without a version; None if the scope is full. Run it after `lock_named` found none."""
    if await has_too_many(connection, scope):
        return None
    row = await connection.fetchrow(
        *_SQL["insert_secret"](secret_id=secret_id, scope_kind=scope.kind, scope_id=scope.id, name=name, usage=usage)
    )
    if row is None:
        raise InvariantBroken("an insert returns its row")
    return secret_of(row)


async def has_too_many(connection: asyncpg.Connection, scope: SecretScope) -> bool:
    """Whether the scope is full. Run it holding the lock of the scope's names."""
    return await connection.fetchval(*_SQL["count_secrets"](scope_kind=scope.kind, scope_id=scope.id)) >= MAX_SECRETS


async def add_version(
    connection: asyncpg.Connection, vault: Vault, secret: Secret, value: bytes, created_by: str, *, make_current: bool
) -> StoredVersion:
    """Seal the value as the next version of a locked secret, and destroy the versions past the number to keep."""
    secret_id, version = secret.secret_id, secret.last_version + 1
    sealed = seal_value(vault.keys, _place(secret, version), value, vault.entropy)
    await connection.execute(
        *_SQL["insert_version"](
            secret_id=secret_id,
            version=version,
            key_id=sealed.key_id,
            wrapped_key=sealed.wrapped_key,
            ciphertext=sealed.ciphertext,
            created_by=created_by,
        )
    )
    await connection.execute(*_SQL["write_last_version"](secret_id=secret_id, version=version, is_current=make_current))
    current = version if make_current else secret.current_version
    await connection.execute(*_SQL["destroy_old_versions"](secret_id=secret_id, current_version=current))
    if make_current:
        await vault.refresh(connection, [secret_id])
    return StoredVersion(secret_id, version)


async def write_deleted(connection: asyncpg.Connection, secret_ids: Sequence[str]) -> None:
    """Delete locked secrets and disable their versions. The caller refreshes."""
    await connection.execute(*_SQL["disable_versions"](secret_ids=secret_ids))
    await connection.execute(*_SQL["write_deleted"](secret_ids=secret_ids))


def secret_of(row: asyncpg.Record) -> Secret:
    return Secret(
        secret_id=row["secret_id"],
        scope=SecretScope(row["scope_kind"], row["scope_id"]),
        name=row["name"],
        usage=row["usage"],
        current_version=row["current_version"],
        last_version=row["last_version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
    )


def show_that_none_is_unreadable() -> None:
    """Set the count to zero at the start, so that the first finding shows as an increase."""
    _UNSEALABLE.add(0)


def unreadable(secret_id: str, version: int) -> UnreadableSecret:
    """The exception for a version that cannot be opened, counted and logged."""
    _UNSEALABLE.add(1)
    _log.error("secret cannot be opened", extra={"secret_id": secret_id, "version": version})
    return UnreadableSecret(secret_id, version)


async def _destroyed(connection: asyncpg.Connection, secret_id: str, versions: Iterable[int]) -> list[int]:
    query = _SQL["destroy_versions"](secret_id=secret_id, versions=list(versions))
    return sorted(row["version"] for row in await connection.fetch(*query))


def _opened(keys: KeyRing, row: asyncpg.Record) -> bytes:
    secret_id, version, key_id = row["secret_id"], row["version"], row["key_id"]
    place = SecretPlace(secret_id, row["scope_kind"], row["scope_id"], row["name"], version)
    try:
        return open_value(keys, place, SealedVersion(key_id, row["wrapped_key"], row["ciphertext"]))
    except Unsealable:
        problem = unreadable(secret_id, version)
        raise (Refusal(ErrorCode.SECRET_KEYS_MISSING) if keys.get(key_id) is None else problem) from None


def _place(secret: Secret, version: int) -> SecretPlace:
    return SecretPlace(secret.secret_id, secret.scope.kind, secret.scope.id, secret.name, version)
