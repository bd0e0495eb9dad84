"""The statements of the projection on Postgres, each a function of a connection."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from shared.io import queries
from shared.kernel.device_session import DeviceSession
from shared.projection.epoch import Kept, State
from shared.sessions.store import device_session

_SQL = queries.load("shared.projection")


@dataclass(frozen=True, slots=True)
class Claim:
    """Outbox rows leased to this process, and their sessions at that time. Removed sessions are missing."""

    outbox_ids: Sequence[int]
    sessions: Sequence[DeviceSession]


@dataclass(frozen=True, slots=True)
class Backlog:
    """The number of waiting outbox rows, and the age of the oldest."""

    changes: int
    oldest: timedelta


async def claim_changes(connection: asyncpg.Connection, limit: int, lease: timedelta) -> Claim:
    rows = await connection.fetch(*_SQL["claim_changes"](limit=limit, lease=lease))
    outbox_ids = [row["outbox_id"] for row in rows]
    return Claim(outbox_ids, [device_session(row) for row in rows if row["device_session_id"] is not None])


async def release_changes(connection: asyncpg.Connection, outbox_ids: Sequence[int]) -> None:
    await connection.execute(*_SQL["release_changes"](outbox_ids=outbox_ids))


async def settle_changes(connection: asyncpg.Connection, outbox_ids: Sequence[int], conflicts: Sequence[str]) -> None:
    """Note the sessions whose record stayed revoked, then delete the rows. In this order none of them is lost."""
    if conflicts:
        await connection.execute(*_SQL["note_conflicts"](device_session_ids=conflicts))
    await connection.execute(*_SQL["settle_changes"](outbox_ids=outbox_ids))


async def note_conflicts(connection: asyncpg.Connection, device_session_ids: Sequence[str]) -> None:
    await connection.execute(*_SQL["note_conflicts"](device_session_ids=device_session_ids))


async def read_backlog(connection: asyncpg.Connection) -> Backlog:
    row = await _only_row(connection, "read_backlog")
    return Backlog(row["changes"], timedelta(seconds=row["oldest_seconds"]))


async def read_sessions(connection: asyncpg.Connection, device_session_ids: Sequence[str]) -> list[DeviceSession]:
    """The sessions that exist, in no order."""
    rows = await connection.fetch(*_SQL["read_sessions"](device_session_ids=device_session_ids))
    return [device_session(row) for row in rows]


async def read_unknown(connection: asyncpg.Connection, device_session_ids: Sequence[str]) -> list[str]:
    return [row["id"] for row in await connection.fetch(*_SQL["read_unknown"](ids=device_session_ids))]


async def read_unexpected(
    connection: asyncpg.Connection, ids: Sequence[str], active_life: timedelta, revoked_life: timedelta
) -> list[str]:
    rows = await connection.fetch(*_SQL["read_unexpected"](ids=ids, active_life=active_life, revoked_life=revoked_life))
    return [row["id"] for row in rows]


async def read_waiting(connection: asyncpg.Connection, device_session_ids: Sequence[str]) -> set[str]:
    """The sessions, of those given, whose last change may not be published yet."""
    rows = await connection.fetch(*_SQL["read_waiting"](device_session_ids=device_session_ids))
    return {row["device_session_id"] for row in rows}


async def hold_guard(connection: asyncpg.Connection, holder: str, position: str | None, lease: timedelta) -> str | None:
    """Take or renew the guard's lease. Return the stored stream position, or None if another process has the lease."""
    return await connection.fetchval(*_SQL["hold_guard"](holder=holder, stream_position=position, lease=lease))


async def read_epoch(connection: asyncpg.Connection) -> tuple[str, timedelta]:
    """The epoch's name, and the life of active records in it."""
    row = await _only_row(connection, "read_epoch")
    return row["epoch"], row["session_max_age"]


async def read_keeper(connection: asyncpg.Connection) -> Kept:
    row = await _only_row(connection, "read_keeper")
    return Kept(**row)


async def comes_before_the_keeper(connection: asyncpg.Connection) -> bool:
    """Whether a public process keeps, and this process is an internal one."""
    return await connection.fetchval(*_SQL["comes_before_the_keeper"]())


async def write_epoch(connection: asyncpg.Connection, kept: Kept) -> None:
    """Begin the epoch that `kept` describes."""
    await connection.execute(
        *_SQL["write_epoch"](
            epoch=kept.epoch,
            beat=kept.beat,
            run_id=kept.run_id,
            timeline=kept.timeline,
            session_max_age=kept.session_max_age,
            postgres_started_at=kept.postgres_started_at,
        )
    )


async def write_beat(connection: asyncpg.Connection, epoch: str, beat: int, state: State) -> None:
    await connection.execute(*_SQL["write_beat"](epoch=epoch, beat=beat, state=state))


async def request_rebuild(connection: asyncpg.Connection) -> None:
    await connection.execute(*_SQL["request_rebuild"]())


async def page_revoked(connection: asyncpg.Connection, after: tuple[datetime, str], limit: int) -> list[DeviceSession]:
    """A page ordered by instant of revocation, then id. An empty id in `after` means from that instant on."""
    revoked_at, device_session_id = after
    rows = await connection.fetch(
        *_SQL["page_revoked"](revoked_at=revoked_at, device_session_id=device_session_id, limit=limit)
    )
    return [device_session(row) for row in rows]


async def page_active(connection: asyncpg.Connection, after: tuple[datetime, str], limit: int) -> list[DeviceSession]:
    """A page ordered by instant of creation, then id. An empty id in `after` means from that instant on."""
    created_at, device_session_id = after
    rows = await connection.fetch(
        *_SQL["page_active"](created_at=created_at, device_session_id=device_session_id, limit=limit)
    )
    return [device_session(row) for row in rows]


async def read_conflicts(connection: asyncpg.Connection, limit: int) -> list[str]:
    return [row["device_session_id"] for row in await connection.fetch(*_SQL["read_conflicts"](limit=limit))]


async def delete_conflicts(connection: asyncpg.Connection, device_session_ids: Sequence[str]) -> None:
    await connection.execute(*_SQL["delete_conflicts"](device_session_ids=device_session_ids))


async def revoke_sessions(
    connection: asyncpg.Connection, device_session_ids: Sequence[str], reason_code: str
) -> list[DeviceSession]:
    """Revoke the active ones in the name of the system. Call it in a transaction.

    It locks the rows of their addresses and raises their versions, then the rows of agents, and then the sessions.
    """
    locked = await connection.fetch(*_SQL["lock_emails_of_sessions"](device_session_ids=device_session_ids))
    await connection.execute(*_SQL["bump_emails"](email_ids=[row["email_id"] for row in locked]))
    await connection.execute(*_SQL["lock_agents_of_sessions"](device_session_ids=device_session_ids))
    rows = await connection.fetch(
        *_SQL["revoke_sessions"](device_session_ids=device_session_ids, reason_code=reason_code)
    )
    return [device_session(row) for row in rows]


async def _only_row(connection: asyncpg.Connection, statement: str) -> asyncpg.Record:
    row = await connection.fetchrow(*_SQL[statement]())
    assert row is not None
    return row
