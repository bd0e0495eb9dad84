"""Units of work on the health of connections. None of them waits for a far end."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import asyncpg

from contracts.audit_events import EventName
from contracts.connection_kinds import KINDS, PROBE_INTERVAL_SECONDS
from contracts.control_plane.connection_health import MAX_SNAPSHOTS, HealthAnswer, Snapshot
from contracts.errors import Refusal
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.trail import insert_operator_event
from services.internal_admin.connection_health.domain import UNKNOWN, Change, Observed, State, decide, next_wait
from services.internal_admin.connections.domain import Target
from services.internal_admin.connections.store import read_accepted
from services.internal_admin.secrets.domain.secret import SecretGone, UnreadableSecret
from shared.io import queries
from shared.kernel.actor import Actor
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing

KEPT: Final = 200
"""The observations of one connection that are kept."""
LIFE: Final = timedelta(days=7)
"""How long an observation is kept."""
AGED_BATCH: Final = 500
_SYSTEM = Caller("system", None, None), Actor("system", None)
_SQL = queries.load("services.internal_admin.connection_health")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often connections are probed. `interval` None: as the catalogue says.

    `claim` is how long a probe keeps others away: longer than a probe and the writing of its result.
    """

    interval: timedelta | None = None
    longest: timedelta = timedelta(minutes=10)
    claim: timedelta = timedelta(seconds=20)

    def interval_of(self, kind: str) -> timedelta:
        return self.interval or timedelta(seconds=KINDS[kind].interval)


PACE: Final = Pace()


@dataclass(frozen=True, slots=True)
class Places:
    """How many connections may be taken: `free` in all, of which `slow` may have been slow the last time.

    Those on their way, `probing`, are not taken again, also if their claims have run out.
    """

    free: int
    slow: int
    probing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """A connection to probe now. `is_slow`: its last probe took long."""

    target: Target
    is_slow: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """Accepted connections by kind and status, and the longest time that one has been due."""

    by_state: dict[tuple[str, str], int]
    longest_wait: float


async def claim_due(connection: asyncpg.Connection, keys: KeyRing, places: Places, pace: Pace) -> tuple[Due, ...]:
    """Take connections that are due. One whose secrets cannot be read is put off, and stays `unknown`."""
    async with connection.transaction():
        rows = await connection.fetch(
            *_SQL["claim_due"](
                free=places.free, slow=places.slow, probing=places.probing, claim=pace.claim, kinds=list(KINDS)
            )
        )
        found = [(await _readable(connection, keys, row["connection_id"], pace), row["is_slow"]) for row in rows]
    return tuple(Due(target, is_slow) for target, is_slow in found if target is not None)


async def write_observed(
    connection: asyncpg.Connection, observed: Observed, pace: Pace, entropy: Entropy
) -> Change | None:
    """Keep the result of a probe. A revision that is not accepted any more, or a deleted connection, changes nothing.

    Returns the change of the status, which is audited.
    """
    async with connection.transaction():
        row = await connection.fetchrow(*_SQL["lock_connection"](connection_id=observed.connection_id))
        if row is None:
            return None
        if row["accepted_revision"] != observed.revision:
            await connection.execute(*_SQL["end_claim"](connection_id=observed.connection_id))
            return None
        return await _write(connection, row, observed, pace, entropy)


async def note_refused(
    connection: asyncpg.Connection, connection_id: str, revision: int, entropy: Entropy
) -> Change | None:
    """The far end refused the secret of a connection in use: `invalid_credentials` at once.

    Further refusals within an interval change nothing, so a busy user of the connection writes one row a minute.
    """
    async with connection.transaction():
        row = await connection.fetchrow(*_SQL["lock_connection"](connection_id=connection_id))
        if row is None or row["accepted_revision"] != revision:
            return None
        interval = PACE.interval_of(row["kind"])
        state = await connection.fetchrow(*_SQL["read_state"](connection_id=connection_id, life=interval))
        if state is not None and state["revision"] == revision and state["last_result"] == "invalid_credentials":
            return None
        observed = Observed(connection_id, revision, "invalid_credentials", 0)
        return await _write(connection, row, observed, PACE, entropy)


async def delete_aged(connection: asyncpg.Connection) -> int:
    """Remove a batch of old observations, and return its size."""
    return await connection.fetchval(*_SQL["delete_aged"](life=LIFE, limit=AGED_BATCH))


async def count_states(connection: asyncpg.Connection) -> Counts:
    """The numbers that the metrics show."""
    rows = await connection.fetch(*_SQL["count_states"]())
    by_state = {(row["kind"], row["status"]): row["count"] for row in rows}
    return Counts(by_state, max((float(row["waits"] or 0) for row in rows), default=0.0))


async def read_health(connection: asyncpg.Connection, name: str) -> HealthAnswer | None:
    """The health of the connection of this name; None if there is none. Both statements read one state."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(*_SQL["read_health"](name=name))
        if row is None:
            return None
        query = _SQL["list_snapshots"](connection_id=row["connection_id"], limit=MAX_SNAPSHOTS)
        snapshots = tuple(Snapshot(**each) for each in await connection.fetch(*query))
    return HealthAnswer(row["status"], row["since"], snapshots)


async def _readable(connection: asyncpg.Connection, keys: KeyRing, connection_id: str, pace: Pace) -> Target | None:
    try:
        target = await read_accepted(connection, keys, connection_id)
    except (Refusal, SecretGone, UnreadableSecret):
        target = None
    if target is None:
        wait = pace.interval or timedelta(seconds=PROBE_INTERVAL_SECONDS)
        await connection.execute(*_SQL["put_off"](connection_id=connection_id, wait=wait))
    return target


async def _write(
    connection: asyncpg.Connection, row: asyncpg.Record, observed: Observed, pace: Pace, entropy: Entropy
) -> Change | None:
    interval = pace.interval_of(row["kind"])
    stored = await connection.fetchrow(*_SQL["read_state"](connection_id=observed.connection_id, life=interval))
    before = _state(stored, observed.revision)
    after = decide(before, observed)
    await connection.execute(
        *_SQL["write_state"](
            connection_id=observed.connection_id,
            status=after.status,
            failures=after.failures,
            successes=after.successes,
            revision=observed.revision,
            is_slow=observed.is_slow,
            wait=next_wait(after, interval, pace.longest, entropy),
        )
    )
    await _keep(connection, observed)
    shown = stored["status"] if stored is not None else "unknown"
    if shown == after.status:
        return None
    await _audit(connection, row, observed, shown, after)
    return Change(observed.connection_id, row["kind"], shown, after.status, observed.result)


async def _keep(connection: asyncpg.Connection, observed: Observed) -> None:
    connection_id = observed.connection_id
    await connection.execute(
        *_SQL["insert_snapshot"](connection_id=connection_id, result=observed.result, duration_ms=observed.duration_ms)
    )
    await connection.execute(*_SQL["delete_surplus"](connection_id=connection_id, kept=KEPT, limit=AGED_BATCH))


async def _audit(
    connection: asyncpg.Connection, row: asyncpg.Record, observed: Observed, before: str, after: State
) -> None:
    caller, actor = _SYSTEM
    await insert_operator_event(
        connection,
        EventName.CHANGE_CONNECTION_HEALTH,
        after.status,
        caller,
        actor=actor,
        subject=observed.connection_id,
        name=row["name"],
        revision=observed.revision,
        before=before,
        result=observed.result,
    )


def _state(row: asyncpg.Record | None, revision: int) -> State:
    """The state of this revision. The results of an earlier one say nothing about it."""
    if row is None or row["revision"] != revision:
        return UNKNOWN
    return State(row["status"], row["failures"], row["successes"])
