"""Compares every gateway record with its session and lists the differences (SPEC §6.4). Changes nothing."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import trio

from contracts.gateway import GatewayRecord, MalformedRecord, decode_record
from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.projection import store
from shared.projection.epoch import Kept
from shared.projection.projection import REVOKED_LIFE, Projection, StoredRecord, gateway_record, instant_of, record_ends
from shared.projection.session_walk import PAGE, SessionWalk

SETTLING = timedelta(seconds=3)
"""The time between the first look and the second, longer than the publication of a change takes."""
LIFE_TOLERANCE = timedelta(minutes=1)


class DriftKind(StrEnum):
    """The kind of difference between a session and its record. `epoch` concerns all records."""

    EPOCH = "epoch"  # Redis and Postgres name different epochs, or the rebuild is not complete
    MISSING = "missing"  # a session without a record
    STALE_ACTIVE = "stale_active"  # a revoked session whose record says active
    REVOKED_ONLY_IN_REDIS = "revoked_only_in_redis"  # an active session whose record says revoked
    STRAY = "stray"  # an active record without a session
    DIFFERENT = "different"  # another user, key or instant of revocation
    MALFORMED = "malformed"  # not a record of the contract
    WRONG_LIFE = "wrong_life"  # the record goes too early, too late or never


@dataclass(frozen=True, slots=True)
class Drift:
    """One finding. `device_session_id` is None for `epoch`."""

    kind: DriftKind
    device_session_id: str | None


async def find_drift(postgres: Postgres, projection: Projection) -> list[Drift]:
    """Every drift of two looks, `SETTLING` apart, so that changes under way do not count.

    Raises `DependencyUnavailable`. It holds the ids that differed at the first look in memory.
    """
    kept = await postgres.unit_of_work(store.read_keeper)
    suspects: set[str] = set()
    async with aclosing(_all_ids(postgres, projection, kept)) as pages:
        async for page in pages:
            suspects.update(await _compare(postgres, projection, kept, page))
    await trio.sleep(SETTLING.total_seconds())
    kept = await postgres.unit_of_work(store.read_keeper)  # again, because other records have expired since
    found = await _epoch_drift(projection, kept)
    suspected = sorted(suspects)
    for start in range(0, len(suspected), PAGE):
        kinds = await _compare(postgres, projection, kept, suspected[start : start + PAGE])
        found += [Drift(kind, device_session_id) for device_session_id, kind in kinds.items()]
    return found


def drift_of(
    session: DeviceSession | None, stored: StoredRecord | None, now: datetime, session_max_age: timedelta
) -> DriftKind | None:
    """The kind of difference between a session and its record, or None. Pure."""
    if stored is None:
        is_missing = session is not None and record_ends(session, session_max_age) > now + LIFE_TOLERANCE
        return DriftKind.MISSING if is_missing else None
    try:
        record = decode_record(stored.value)
    except MalformedRecord:
        return DriftKind.MALFORMED
    if session is None:
        return DriftKind.STRAY if record.status == "active" else None
    if record != gateway_record(session):
        return difference(session, record)
    return DriftKind.WRONG_LIFE if _lives_wrongly(stored, record_ends(session, session_max_age)) else None


def difference(session: DeviceSession, record: GatewayRecord) -> DriftKind:
    """The kind of difference between a session and a record that are known to differ."""
    match session.status, record.status:
        case "revoked", "active":
            return DriftKind.STALE_ACTIVE
        case "active", "revoked":
            return DriftKind.REVOKED_ONLY_IN_REDIS
        case _:
            return DriftKind.DIFFERENT


def _lives_wrongly(stored: StoredRecord, ends: datetime) -> bool:
    return stored.ends is None or abs(stored.ends - ends) > LIFE_TOLERANCE


async def _all_ids(postgres: Postgres, projection: Projection, kept: Kept) -> AsyncGenerator[Sequence[str], None]:
    """The ids of all sessions that should have a record, then of all records."""
    now = instant_of(kept.now_ms)
    for read, since in ((store.page_active, now - kept.session_max_age), (store.page_revoked, now - REVOKED_LIFE)):
        walk = SessionWalk(postgres, read, since)
        while page := await walk.next_page():
            yield [session.device_session_id for session in page]
    async with aclosing(projection.record_ids()) as pages:
        async for ids in pages:
            yield ids


async def _compare(postgres: Postgres, projection: Projection, kept: Kept, ids: Sequence[str]) -> dict[str, DriftKind]:
    """Compare records with sessions. Records are read first, so a session is at least as new as its record."""
    records = await projection.read(ids)
    sessions = await postgres.unit_of_work(store.read_sessions, ids)
    by_id = {session.device_session_id: session for session in sessions}
    now = instant_of(kept.now_ms)
    kinds = (
        drift_of(by_id.get(each), stored, now, kept.session_max_age) for each, stored in zip(ids, records, strict=True)
    )
    return {device_session_id: kind for device_session_id, kind in zip(ids, kinds, strict=True) if kind is not None}


async def _epoch_drift(projection: Projection, kept: Kept) -> list[Drift]:
    seen = await projection.look()
    is_true = (seen.epoch, seen.state, kept.state) == (kept.epoch, "complete", "complete")
    return [] if is_true else [Drift(DriftKind.EPOCH, None)]
