"""Units of work on connections. None of them waits for a far end: a verification lies between two of them."""

import json
from collections.abc import Mapping, Sequence

import asyncpg

from contracts.audit_events import EventName
from contracts.connection_kinds import KINDS, ConnectionKey
from contracts.control_plane.connections import PutConnection, Verification
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.connections.domain import (
    CANDIDATE_LIFE,
    MAX_CONNECTIONS,
    MAX_NAMED,
    VERIFICATION_TAKES,
    Base,
    CandidateOutcome,
    ChangeOf,
    DefaultRemoved,
    DefaultSet,
    Deleted,
    DeleteOutcome,
    InUse,
    KindDiffers,
    NoDefault,
    NotAccepted,
    NotFound,
    Refs,
    RevisionConflict,
    SecretMissing,
    SetDefault,
    SetDefaultOutcome,
    Settle,
    Settled,
    SettleOutcome,
    Standing,
    Target,
    TooMany,
    UnfitKind,
    WriteCandidate,
    base_of,
    fits,
    is_accepted,
    kept_secrets,
    secret_names,
)
from services.internal_admin.connections.listing import list_defaults
from services.internal_admin.connections.mail import MailCopy, bring_along
from services.internal_admin.connections.references import open_refs, refs_of
from services.internal_admin.secrets.domain.secret import SecretGone, SecretScope, StoredVersion
from services.internal_admin.secrets.store import values
from services.internal_admin.secrets.store.values import Vault
from shared.io import queries
from shared.kernel.keyring import KeyRing

_SQL = queries.load("services.internal_admin.connections")


async def write_candidate(connection: asyncpg.Connection, vault: Vault, command: WriteCandidate) -> CandidateOutcome:
    """Store a candidate with its secrets, and return it in the clear. It replaces another candidate. All is audited.

    Raises `Refusal(SECRET_KEYS_MISSING)`; then nothing changed.
    """
    async with connection.transaction():
        outcome = await _write_candidate(connection, vault, command)
        is_stored = isinstance(outcome, Target)
        await insert_operator_event(
            connection,
            EventName.WRITE_CONNECTION,
            "stored" if is_stored else outcome.name,
            command.caller,
            actor=command.actor,
            subject=outcome.connection_id if is_stored else None,
            name=command.name,
            revision=outcome.revision if is_stored else None,
        )
        return outcome


async def read_target(connection: asyncpg.Connection, vault: Vault, name: str) -> Target | NotFound:
    """The revision that a verification on demand takes: the candidate if there is one, else the accepted one."""
    async with connection.transaction():
        row = await _locked(connection, name)
        if row is None:
            return NotFound()
        number = row["candidate"] or row["accepted"]
        revision = (await _revisions(connection, row["connection_id"])).get(number)
        if revision is None:
            return NotFound()
        secrets = await open_refs(connection, vault.keys, KINDS[row["kind"]], refs_of(revision))
        return Target(row["connection_id"], name, row["kind"], number, json.loads(revision["settings"]), secrets)


async def read_accepted(connection: asyncpg.Connection, keys: KeyRing, connection_id: str) -> Target | None:
    """The accepted revision with its secrets in the clear; None if there is none. Locks nothing.

    Raises as `values.read_values` does.
    """
    row = await connection.fetchrow(*_SQL["read_accepted"](connection_id=connection_id))
    if row is None:
        return None
    secrets = await open_refs(connection, keys, KINDS[row["kind"]], refs_of(row))
    settings = json.loads(row["settings"])
    return Target(connection_id, row["name"], row["kind"], row["accepted_revision"], settings, secrets)


async def read_default(connection: asyncpg.Connection, keys: KeyRing, key: ConnectionKey) -> Target | None:
    """The accepted revision of the default of a key, as `read_accepted` gives it; None if there is no default."""
    connection_id = await connection.fetchval(*_SQL["read_default"](key=key))
    return None if connection_id is None else await read_accepted(connection, keys, connection_id)


async def settle(connection: asyncpg.Connection, vault: Vault, copy: MailCopy, command: Settle) -> SettleOutcome:
    """Note how the verification of a revision ended, and accept the candidate or leave it for correction.

    If the revision is neither the candidate nor the accepted one any more, nothing changes but the trail.
    """
    async with connection.transaction():
        outcome = await _settle(connection, vault, command)
        await _audit_settled(connection, command, outcome)
        if isinstance(outcome, Settled) and await _is_mail_default(connection, command.target.name):
            await bring_along(connection, copy)
        return outcome


async def delete_connection(connection: asyncpg.Connection, vault: Vault, command: ChangeOf) -> DeleteOutcome:
    """Remove a connection that nobody uses, with its secrets."""
    async with connection.transaction():
        row = await _locked(connection, command.name)
        outcome = NotFound() if row is None else await _delete(connection, vault, row, command.name)
        subject = None if row is None else row["connection_id"]
        await _audit(connection, EventName.DELETE_CONNECTION, outcome.name, command, subject, name=command.name)
        return outcome


async def set_default(connection: asyncpg.Connection, copy: MailCopy, command: SetDefault) -> SetDefaultOutcome:
    """Set or remove the default of a key."""
    async with connection.transaction():
        outcome, subject = await (_set_default if command.name is not None else _remove_default)(connection, command)
        event, key, name = EventName.SET_DEFAULT_CONNECTION, command.key, command.name
        await _audit(connection, event, outcome.name, command, subject, connection_key=key, name=name)
        if key == "mail":
            await bring_along(connection, copy)
        return outcome


async def drop_expired(connection: asyncpg.Connection, vault: Vault, name: str) -> None:
    """Forget a candidate whose time is over, and destroy its secrets. A connection without another revision goes."""
    async with connection.transaction():
        row = await _locked(connection, name)
        if row is None or row["candidate_revision"] is None or row["candidate"]:
            return
        await _drop_candidate(connection, vault, row, await _revisions(connection, row["connection_id"]), keeping={})
        if row["accepted"]:
            await connection.execute(*_SQL["drop_candidate"](connection_id=row["connection_id"]))
        else:
            await _remove(connection, vault, row["connection_id"])


async def find_expired(connection: asyncpg.Connection, limit: int) -> Sequence[str]:
    """Names of connections whose candidate's time is over."""
    return [row["name"] for row in await connection.fetch(*_SQL["find_expired"](limit=limit))]


async def _write_candidate(connection: asyncpg.Connection, vault: Vault, command: WriteCandidate) -> CandidateOutcome:
    asked = command.asked
    row = await _locked_or_made(connection, command)
    if row is None:
        return TooMany() if asked.expected_revision == 0 else RevisionConflict(None)
    revisions = await _revisions(connection, row["connection_id"])
    standing = _standing(row, revisions)
    base_revision = base_of(standing, asked.expected_revision)
    if base_revision is None:
        return RevisionConflict(standing)
    if row["accepted"] and row["kind"] != asked.kind.kind:
        return KindDiffers(row["kind"])
    kept = kept_secrets(asked.kind, asked, _base(row["kind"], revisions.get(base_revision)))
    if isinstance(kept, SecretMissing):
        return kept
    return await _store(connection, vault, command, row, revisions, kept)


async def _store(
    connection: asyncpg.Connection,
    vault: Vault,
    command: WriteCandidate,
    row: asyncpg.Record,
    revisions: Mapping[int, asyncpg.Record],
    kept: Refs,
) -> Target:
    asked, connection_id = command.asked, row["connection_id"]
    await values.lock_secrets_of(connection, _scope_of(connection_id))
    revision = row["last_revision"] + 1 if revisions or row["candidate_revision"] else row["last_revision"]
    names = secret_names(asked, _base(row["kind"], revisions.get(row["accepted"])), revision)
    refs = {**kept, **await _written(connection, vault, connection_id, asked, names, command.caller)}
    await _drop_candidate(connection, vault, row, revisions, keeping=refs)
    stored = {name: [version.secret_id, version.version] for name, version in refs.items()}
    await connection.execute(
        *_SQL["insert_revision"](
            connection_id=connection_id,
            revision=revision,
            settings=json.dumps(dict(asked.settings)),
            secrets=json.dumps(stored),
            created_by=command.caller.name,
        )
    )
    await connection.execute(
        *_SQL["write_candidate"](
            connection_id=connection_id, kind=asked.kind.kind, revision=revision, life=CANDIDATE_LIFE
        )
    )
    given = {name: value for name, value in asked.secrets.items() if value}
    secrets = {**await open_refs(connection, vault.keys, asked.kind, kept), **given}
    return Target(connection_id, command.name, asked.kind.kind, revision, asked.settings, secrets)


async def _locked_or_made(connection: asyncpg.Connection, command: WriteCandidate) -> asyncpg.Record | None:
    """The connection, made if the caller expects none; None if it is not there, or one too many."""
    row = await _locked(connection, command.name)
    if row is not None or command.asked.expected_revision != 0:
        return row
    await connection.execute(*_SQL["lock_names"]())
    row = await _locked(connection, command.name)
    if row is not None or await connection.fetchval(*_SQL["count_connections"]()) >= MAX_CONNECTIONS:
        return row
    kind = command.asked.kind.kind
    await connection.execute(
        *_SQL["insert_connection"](connection_id=command.connection_id, name=command.name, kind=kind)
    )
    return await _locked(connection, command.name)


async def _settle(connection: asyncpg.Connection, vault: Vault, command: Settle) -> SettleOutcome:
    target, probed = command.target, command.probed
    row = await _locked(connection, target.name)
    if row is None or row["connection_id"] != target.connection_id:
        return RevisionConflict(None)
    if target.revision not in (row["accepted_revision"], row["candidate_revision"]):
        return RevisionConflict(_standing(row, await _revisions(connection, row["connection_id"])))
    checked_at = await connection.fetchval(
        *_SQL["write_result"](
            connection_id=target.connection_id,
            revision=target.revision,
            result=probed.result,
            duration_ms=probed.duration_ms,
            account=probed.account,
            detail=probed.detail,
        )
    )
    noted = Verification(probed.result, checked_at, probed.duration_ms, probed.account, probed.detail)
    if target.revision == row["accepted_revision"]:
        return Settled("accepted", target.revision, noted)
    if not is_accepted(probed.result, accepts_unverified=command.accepts_unverified):
        return Settled("refused", target.revision, noted)
    await _accept(connection, vault, row)
    return Settled("accepted", target.revision, noted)


async def _accept(connection: asyncpg.Connection, vault: Vault, row: asyncpg.Record) -> None:
    """Make the candidate the accepted revision, and its secrets the current ones."""
    connection_id, revisions = row["connection_id"], await _revisions(connection, row["connection_id"])
    refs, before = refs_of(revisions[row["candidate_revision"]]), refs_of(revisions.get(row["accepted"]))
    await connection.execute(*_SQL["write_accepted"](connection_id=connection_id))
    await connection.execute(*_SQL["accept_revision"](connection_id=connection_id, revision=row["candidate_revision"]))
    if row["accepted"]:
        await connection.execute(*_SQL["delete_revision"](connection_id=connection_id, revision=row["accepted"]))
    changed = [version for name, version in refs.items() if before.get(name) != version]
    removed = {version.secret_id for name, version in before.items() if name not in refs}
    serving = [version.secret_id for version in refs.values()]
    unnamed = await connection.fetch(*_SQL["list_unnamed_secrets"](connection_id=connection_id, serving=serving))
    removed.update(row["secret_id"] for row in unnamed)
    if not await values.replace_current(connection, vault, changed, sorted(removed)):
        raise SecretGone


async def _drop_candidate(
    connection: asyncpg.Connection,
    vault: Vault,
    row: asyncpg.Record,
    revisions: Mapping[int, asyncpg.Record],
    *,
    keeping: Refs,
) -> None:
    """Forget the candidate, and destroy those of its secrets that no other revision has."""
    number = row["candidate_revision"]
    if number is None:
        return
    others = {*refs_of(revisions.get(row["accepted"])).values(), *keeping.values()}
    for version in sorted(refs_of(revisions.get(number)).values(), key=lambda each: each.secret_id):
        if version not in others:
            await values.destroy_versions(connection, vault, version.secret_id, [version.version])
        if version.secret_id not in {each.secret_id for each in others}:
            await values.write_deleted(connection, [version.secret_id])
    await connection.execute(*_SQL["delete_revision"](connection_id=row["connection_id"], revision=number))


async def _written(
    connection: asyncpg.Connection,
    vault: Vault,
    connection_id: str,
    asked: PutConnection,
    names: Mapping[str, StoredVersion | str],
    caller: Caller,
) -> Refs:
    """New versions of the secrets that are given. None of them is current yet."""
    scope, written = _scope_of(connection_id), dict[str, StoredVersion]()
    for name, place in names.items():
        value = asked.secrets[name.lower()].encode()
        stored = None if isinstance(place, str) else await values.lock_secret(connection, place.secret_id)
        place_name = place if isinstance(place, str) else name if stored is None else stored.name
        written[name] = await values.insert_version(connection, vault, scope, place_name, value, created_by=caller.name)
    return written


async def _delete(
    connection: asyncpg.Connection, vault: Vault, row: asyncpg.Record, name: str
) -> Deleted | InUse | NotFound:
    await values.lock_secrets_of(connection, _scope_of(row["connection_id"]))  # an activation that has them ends first
    users = await connection.fetch(
        *_SQL["find_users"](connection_id=row["connection_id"], name=name, limit=MAX_NAMED + 1)
    )
    if users:
        return InUse(tuple(each["used_by"] for each in users))
    await _remove(connection, vault, row["connection_id"])
    return Deleted()


async def _remove(connection: asyncpg.Connection, vault: Vault, connection_id: str) -> None:
    await values.delete_secrets_of(connection, vault.refresh, _scope_of(connection_id))
    await connection.execute(*_SQL["delete_connection"](connection_id=connection_id))


async def _set_default(
    connection: asyncpg.Connection, command: SetDefault
) -> tuple[DefaultSet | NotFound | NotAccepted | UnfitKind, str | None]:
    row = await _locked(connection, command.name or "")
    if row is None:
        return NotFound(), None
    if not fits(row["kind"], command.key):
        return UnfitKind(row["kind"]), row["connection_id"]
    if not row["accepted"]:
        return NotAccepted(), row["connection_id"]
    changed = await connection.fetchval(
        *_SQL["write_default"](key=command.key, connection_id=row["connection_id"], changed_by=command.caller.name)
    )
    (default,) = await list_defaults(connection, command.key)
    return DefaultSet(default, changed is not None), row["connection_id"]


async def _is_mail_default(connection: asyncpg.Connection, name: str) -> bool:
    """Whether mails leave by the connection. It becomes the default under its own lock, which the caller holds."""
    return any(default.name == name for default in await list_defaults(connection, "mail"))


async def _remove_default(
    connection: asyncpg.Connection, command: SetDefault
) -> tuple[DefaultRemoved | NoDefault, str | None]:
    connection_id = await connection.fetchval(*_SQL["delete_default"](key=command.key))
    return NoDefault() if connection_id is None else DefaultRemoved(), connection_id


async def _audit_settled(connection: asyncpg.Connection, command: Settle, outcome: SettleOutcome) -> None:
    event = EventName.VERIFY_CONNECTION if command.is_on_demand else EventName.WRITE_CONNECTION
    await insert_operator_event(
        connection,
        event,
        outcome.name,
        command.caller,
        subject=command.target.connection_id,
        name=command.target.name,
        revision=command.target.revision,
        result=command.probed.result,
        accept_unverified=True if command.accepts_unverified else None,
    )


async def _audit(
    connection: asyncpg.Connection,
    event: EventName,
    outcome: str,
    command: ChangeOf | SetDefault,
    subject: str | None,
    **details: str | None,
) -> None:
    await insert_operator_event(
        connection, event, outcome, command.caller, actor=command.actor, subject=subject, reason_code=None, **details
    )


async def _locked(connection: asyncpg.Connection, name: str) -> asyncpg.Record | None:
    return await connection.fetchrow(*_SQL["lock_connection"](name=name))


async def _revisions(connection: asyncpg.Connection, connection_id: str) -> dict[int, asyncpg.Record]:
    rows = await connection.fetch(*_SQL["read_revisions"](connection_id=connection_id, takes=VERIFICATION_TAKES))
    return {row["revision"]: row for row in rows}


def _scope_of(connection_id: str) -> SecretScope:
    return SecretScope("connection", connection_id)


def _standing(row: asyncpg.Record, revisions: Mapping[int, asyncpg.Record]) -> Standing:
    candidate = revisions.get(row["candidate"])
    return Standing(row["accepted"], row["candidate"], is_verifying=candidate is not None and candidate["is_verifying"])


def _base(kind: str, revision: asyncpg.Record | None) -> Base | None:
    return None if revision is None else Base(kind, json.loads(revision["settings"]), refs_of(revision))
