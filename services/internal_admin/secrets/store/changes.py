"""Operators' changes of secrets. Each is one transaction with one audit row, also if it is refused."""

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import audit_subject_of_id, insert_operator_event
from services.internal_admin.secrets.domain.secret import (
    AGENT_NOT_FOUND,
    GRANT_NOT_FOUND,
    MAX_GRANTS,
    NAME_TAKEN,
    NOT_GRANTABLE,
    OF_CONNECTION,
    POOL_NOT_FOUND,
    SECRET_NOT_FOUND,
    SERVES_CONNECTION,
    TOO_MANY_GRANTS,
    TOO_MANY_SECRETS,
    VERSION_GONE,
    VERSION_NOT_FOUND,
    Changed,
    ChangeGrant,
    ChangeOutcome,
    ChangeSecret,
    Command,
    DestroyVersions,
    Grantee,
    PutSecret,
    Refused,
    RestoreSecret,
    Secret,
    SecretScope,
    StoredVersion,
    WriteOutcome,
    Written,
    usage_of,
    version_conflict,
)
from services.internal_admin.secrets.store import values
from services.internal_admin.secrets.store.values import Refresh, Vault
from shared.io import queries
from shared.kernel.actor import Actor

_SQL = queries.load("services.internal_admin.secrets.store", "changes.sql")


async def put_secret(connection: asyncpg.Connection, vault: Vault, command: PutSecret) -> WriteOutcome:
    """Write a value as the current version of a secret, which is made if there is none.

    Locks the agent if the scope is one, the scope's names if it makes the secret, and the secret; refreshes.
    """
    async with connection.transaction():
        outcome = await _put(connection, vault, command)
        secret_id = outcome.version.secret_id if isinstance(outcome, Written) else None
        await _audit(connection, EventName.WRITE_SECRET, outcome.name, command, secret_id, version=_version(outcome))
        return outcome


async def restore_secret(connection: asyncpg.Connection, vault: Vault, command: RestoreSecret) -> WriteOutcome:
    """Write the value of an earlier version as a new version. Raises `UnreadableSecret`, and then changes nothing.

    Locks the secret; refreshes.
    """
    async with connection.transaction():
        outcome = await _restore(connection, vault, command)
        await _audit(
            connection,
            EventName.RESTORE_SECRET,
            outcome.name,
            command,
            command.secret_id,
            version=_version(outcome),
            restored_version=command.version,
        )
        return outcome


async def grant_secret(connection: asyncpg.Connection, vault: Vault, command: ChangeGrant) -> ChangeOutcome:
    """Grant a secret to a pool or an agent. Locks the agent, then the secret; refreshes."""
    async with connection.transaction():
        outcome = await _grant(connection, vault, command)
        grantee = None if outcome in (AGENT_NOT_FOUND, POOL_NOT_FOUND) else command.grantee.id
        await _audit(connection, EventName.GRANT_SECRET, outcome.name, command, command.secret_id, grantee=grantee)
        return outcome


async def withdraw_secret(connection: asyncpg.Connection, vault: Vault, command: ChangeGrant) -> ChangeOutcome:
    """Withdraw a grant. Locks the secret; refreshes."""
    async with connection.transaction():
        outcome = await _withdraw(connection, vault, command)
        grantee = command.grantee.id if isinstance(outcome, Changed) else None
        await _audit(connection, EventName.WITHDRAW_SECRET, outcome.name, command, command.secret_id, grantee=grantee)
        return outcome


async def delete_secret(connection: asyncpg.Connection, vault: Vault, command: ChangeSecret) -> ChangeOutcome:
    """Delete a secret: no node opens it any more, and its name is free. Locks the secret; refreshes."""
    async with connection.transaction():
        outcome = await _delete(connection, vault, command)
        await _audit(connection, EventName.DELETE_SECRET, outcome.name, command, command.secret_id)
        return outcome


async def undelete_secret(connection: asyncpg.Connection, vault: Vault, command: ChangeSecret) -> ChangeOutcome:
    """Bring a deleted secret back, with its versions and grants, while a version is left.

    Locks the agent if the scope is one, the scope's names, and the secret; refreshes.
    """
    async with connection.transaction():
        outcome = await _undelete(connection, vault, command)
        await _audit(connection, EventName.UNDELETE_SECRET, outcome.name, command, command.secret_id)
        return outcome


async def destroy_versions(connection: asyncpg.Connection, vault: Vault, command: DestroyVersions) -> ChangeOutcome:
    """Erase versions for good, also those of a deleted secret. Locks the secret; refreshes if the current one went."""
    async with connection.transaction():
        outcome = await _destroy(connection, vault, command)
        versions = list(outcome.versions) if isinstance(outcome, Changed) else None
        await _audit(connection, EventName.DESTROY_SECRET, outcome.name, command, command.secret_id, versions=versions)
        return outcome


async def delete_secrets_of_agent(
    connection: asyncpg.Connection, refresh: Refresh, agent_id: str, caller: Caller, actor: Actor | None = None
) -> tuple[str, ...]:
    """Delete the secrets of an agent and withdraw what is granted to it, each with its audit row. Returns the deleted.

    Run it in the transaction that archives the agent, holding the lock of the agent's row: then no other request can
    write a secret of the agent. Locks the secrets by id; refreshes.
    """
    rows = await connection.fetch(*_SQL["lock_secrets_of_agent"](agent_id=agent_id))
    own = tuple(row["secret_id"] for row in rows if row["is_own"])
    every = [row["secret_id"] for row in rows]
    withdrawn = await connection.fetch(*_SQL["delete_grants_of_agent"](agent_id=agent_id, secret_ids=every))
    for secret_id in sorted(row["secret_id"] for row in withdrawn):
        command = ChangeGrant(secret_id, Grantee("agent", agent_id), caller, actor)
        await _audit(connection, EventName.WITHDRAW_SECRET, "withdrawn", command, secret_id, grantee=agent_id)
    await values.write_deleted(connection, own)
    for secret_id in own:
        command = ChangeSecret(secret_id, caller, actor)
        await _audit(connection, EventName.DELETE_SECRET, "deleted", command, secret_id)
    if every:
        await refresh(connection, every)
    return own


async def _put(connection: asyncpg.Connection, vault: Vault, command: PutSecret) -> WriteOutcome:
    scope, name = command.scope, command.name
    missing = await _missing(connection, scope)
    if missing is not None:
        return missing
    secret = await values.lock_named(connection, scope, name)
    conflict = version_conflict(secret, command.expected_version)
    if conflict is not None:
        return conflict
    is_new = secret is None
    if secret is None:
        usage = usage_of(name, command.usage)
        secret = await values.create_secret(connection, scope, name, usage, command.secret_id)
    if secret is None:
        return TOO_MANY_SECRETS
    written = await values.add_version(connection, vault, secret, command.value, command.caller.name, make_current=True)
    return Written("created" if is_new else "updated", written)


async def _restore(connection: asyncpg.Connection, vault: Vault, command: RestoreSecret) -> WriteOutcome:
    secret = await _locked(connection, command.secret_id)
    if secret is None:
        return SECRET_NOT_FOUND
    if secret.scope.kind == "connection":
        return OF_CONNECTION
    conflict = version_conflict(secret, command.expected_version)
    if conflict is not None:
        return conflict
    query = _SQL["read_version_state"](secret_id=secret.secret_id, version=command.version)
    state = await connection.fetchval(*query)
    if state != "enabled":
        return VERSION_NOT_FOUND if state is None else VERSION_GONE
    value = await values.read_value(connection, vault.keys, StoredVersion(secret.secret_id, command.version))
    written = await values.add_version(connection, vault, secret, value, command.caller.name, make_current=True)
    return Written("restored", written)


async def _grant(connection: asyncpg.Connection, vault: Vault, command: ChangeGrant) -> ChangeOutcome:
    missing = await _missing(connection, SecretScope(command.grantee.kind, command.grantee.id))
    secret = await _locked(connection, command.secret_id)
    if secret is None or missing is not None:
        return missing or SECRET_NOT_FOUND
    if secret.usage == "system" or secret.deleted_at is not None:
        return NOT_GRANTABLE
    key = _grant_key(command)
    if await connection.fetchval(*_SQL["has_grant"](**key)):
        return Changed("already_granted", secret.secret_id)
    if await connection.fetchval(*_SQL["count_grants"](secret_id=secret.secret_id)) >= MAX_GRANTS:
        return TOO_MANY_GRANTS
    await connection.execute(*_SQL["insert_grant"](**key, granted_by=command.caller.name))
    await vault.refresh(connection, [secret.secret_id])
    return Changed("granted", secret.secret_id)


async def _withdraw(connection: asyncpg.Connection, vault: Vault, command: ChangeGrant) -> ChangeOutcome:
    secret = await _locked(connection, command.secret_id)
    if secret is None:
        return SECRET_NOT_FOUND
    if await connection.fetchval(*_SQL["delete_grant"](**_grant_key(command))) is None:
        return GRANT_NOT_FOUND
    await vault.refresh(connection, [secret.secret_id])
    return Changed("withdrawn", secret.secret_id)


async def _delete(connection: asyncpg.Connection, vault: Vault, command: ChangeSecret) -> ChangeOutcome:
    secret = await _locked(connection, command.secret_id)
    if secret is None:
        return SECRET_NOT_FOUND
    if secret.scope.kind == "connection":
        return OF_CONNECTION
    if secret.deleted_at is not None:
        return Changed("already_deleted", secret.secret_id)
    await values.write_deleted(connection, [secret.secret_id])
    await vault.refresh(connection, [secret.secret_id])
    return Changed("deleted", secret.secret_id)


async def _undelete(connection: asyncpg.Connection, vault: Vault, command: ChangeSecret) -> ChangeOutcome:
    row = await connection.fetchrow(*_SQL["read_scope"](secret_id=command.secret_id))
    if row is None:
        return SECRET_NOT_FOUND
    scope = SecretScope(row["scope_kind"], row["scope_id"])
    missing = OF_CONNECTION if scope.kind == "connection" else await _missing(connection, scope)
    if missing is not None:
        return missing
    await values.lock_scope(connection, scope)
    secret = await _locked(connection, command.secret_id)
    if secret is None or secret.deleted_at is None:
        return SECRET_NOT_FOUND if secret is None else Changed("not_deleted", secret.secret_id)
    has_no_room = await _has_no_room(connection, secret)
    if has_no_room is not None:
        return has_no_room
    await connection.execute(*_SQL["enable_versions"](secret_id=secret.secret_id))
    await connection.execute(*_SQL["write_undeleted"](secret_id=secret.secret_id))
    await vault.refresh(connection, [secret.secret_id])
    return Changed("undeleted", secret.secret_id)


async def _has_no_room(connection: asyncpg.Connection, secret: Secret) -> Refused | None:
    """The refusal if the secret cannot come back to its scope, whose names are locked."""
    if await values.find_by_name(connection, secret.scope, secret.name) is not None:
        return NAME_TAKEN
    return TOO_MANY_SECRETS if await values.has_too_many(connection, secret.scope) else None


async def _destroy(connection: asyncpg.Connection, vault: Vault, command: DestroyVersions) -> ChangeOutcome:
    secret = await _locked(connection, command.secret_id)
    if secret is None:
        return SECRET_NOT_FOUND
    if secret.serves_connection and max(command.versions) >= secret.current_version:
        return SERVES_CONNECTION
    query = _SQL["count_versions"](secret_id=secret.secret_id, versions=list(command.versions))
    if await connection.fetchval(*query) < len(command.versions):
        return VERSION_NOT_FOUND
    destroyed = await values.destroy_versions(connection, vault, secret.secret_id, command.versions)
    return Changed("destroyed" if destroyed else "already_destroyed", secret.secret_id, destroyed)


async def _missing(connection: asyncpg.Connection, scope: SecretScope) -> Refused | None:
    """The refusal if the agent or the pool is not there. Locks the agent."""
    if scope.kind == "agent" and await connection.fetchval(*_SQL["lock_agent"](agent_id=scope.id)) is None:
        return AGENT_NOT_FOUND
    if scope.kind == "pool" and not await connection.fetchval(*_SQL["has_pool"](pool=scope.id)):
        return POOL_NOT_FOUND
    return None


async def _locked(connection: asyncpg.Connection, secret_id: str) -> Secret | None:
    """Lock a secret; None if there is none, or if it is deleted and no version of it is left."""
    secret = await values.lock_secret(connection, secret_id)
    if secret is None or secret.deleted_at is None:
        return secret
    return None if await connection.fetchval(*_SQL["is_gone"](secret_id=secret_id)) else secret


async def _audit(
    connection: asyncpg.Connection,
    event: EventName,
    outcome: str,
    command: Command,
    secret_id: str | None,
    **details: object,
) -> None:
    """Append the row of a change. Details that are None are left out."""
    subject = None if secret_id is None else audit_subject_of_id(secret_id)
    await insert_operator_event(
        connection,
        event,
        outcome,
        command.caller,
        actor=command.actor,
        subject=subject,
        reason_code=None,
        **details,
    )


def _version(outcome: WriteOutcome) -> int | None:
    return outcome.version.version if isinstance(outcome, Written) else None


def _grant_key(command: ChangeGrant) -> dict[str, str]:
    grantee = command.grantee
    return {"secret_id": command.secret_id, "grantee_kind": grantee.kind, "grantee_id": grantee.id}
