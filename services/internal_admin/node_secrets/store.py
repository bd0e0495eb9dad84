"""Units of work on secrets that nodes open."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from contracts.audit_events import EventName
from contracts.node.secrets import OpenSecrets, SecretVersion
from services.internal_admin.callers.identity import Caller, NodeCaller
from services.internal_admin.node_secrets.domain import Found, Outcome, outcome_of, refusal_of, told
from services.internal_admin.secrets.domain.sealing import SealedVersion, SecretPlace
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_events
from shared.io import queries

_SQL = queries.load("services.internal_admin.node_secrets")

Outcomes = Sequence[tuple[SecretVersion, Outcome]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A version at rest."""

    place: SecretPlace
    sealed: SealedVersion = field(repr=False)

    @property
    def version(self) -> SecretVersion:
        return SecretVersion(self.place.secret_id, self.place.version)


async def read_openable(connection: asyncpg.Connection, asked: OpenSecrets, node: NodeCaller) -> tuple[Kept, ...]:
    """The asked versions at rest, if the node may open all of them now; else nothing."""
    outcomes = await _judge(connection, asked, node)
    if refusal_of(outcomes) is not None:
        return ()
    rows = await connection.fetch(*_SQL["read_sealed"](**_columns(asked.versions)))
    return tuple(_kept(row) for row in rows)


async def record_opens(
    connection: asyncpg.Connection, asked: OpenSecrets, node: NodeCaller, caller: Caller, made: Outcomes
) -> Outcomes:
    """Decide which versions the node may open, record that, and return it. One transaction.

    `made` says which values are ready to be handed out, and which are unreadable. If the node may open all and not all
    are ready, nothing is recorded and `made` is returned: a grant came between, and a repeat opens them.
    """
    async with connection.transaction():
        outcomes = await _judge(connection, asked, node)
        if refusal_of(outcomes) is None:
            outcomes = made
        recorded = told(outcomes)
        if not recorded:
            return ()
        await insert_audit_events(connection, [_event(each, asked, caller) for each in recorded])
        if refusal_of(outcomes) is None:
            opened = [version.secret_id for version, _ in recorded]
            await connection.execute(*_SQL["write_opens"](node_id=node.node_id, secret_ids=opened))
        return outcomes


async def _judge(connection: asyncpg.Connection, asked: OpenSecrets, node: NodeCaller) -> Outcomes:
    query = _SQL["judge"](
        node_id=node.node_id, pool=node.pool, reader=asked.reader, **_columns(asked.versions)
    )  # fmt: skip
    return [(found.version, outcome_of(found)) for found in map(_found, await connection.fetch(*query))]


def _columns(versions: Sequence[SecretVersion]) -> dict[str, list[str] | list[int]]:
    return {"secret_ids": [each.secret_id for each in versions], "versions": [each.version for each in versions]}


def _found(row: asyncpg.Record) -> Found:
    return Found(SecretVersion(row["secret_id"], row["version"]), row["is_granted"], row["is_enabled"])


def _kept(row: asyncpg.Record) -> Kept:
    place = SecretPlace(row["secret_id"], row["scope_kind"], row["scope_id"], row["name"], row["version"])
    return Kept(place, SealedVersion(row["key_id"], row["wrapped_key"], row["ciphertext"]))


def _event(recorded: tuple[SecretVersion, Outcome], asked: OpenSecrets, caller: Caller) -> AuditEvent:
    (secret_id, version), outcome = recorded
    task = {} if asked.task_id is None else {"task_id": asked.task_id}
    return AuditEvent(
        event=EventName.OPEN_SECRET,
        outcome=outcome.value,
        caller=caller.name,
        network=caller.network,
        request_id=caller.request_id,
        subject=secret_id,
        details={"version": version, "reader": asked.reader, **task},
    )
