"""Corrects gateway records and stream entries that no session explains (SPEC §6.6). Needs the internal role.

A change under way looks like a forgery for a moment. So each suspect is looked at twice, records before sessions. A
difference that both looks show, with nothing left to publish, was written by somebody else.
"""

import logging
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from contracts.audit_events import EventName
from contracts.gateway import GatewayRecord, MalformedRecord, decode_record
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event, insert_audit_events
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.device_session import DeviceSession
from shared.projection import metrics, store
from shared.projection.epoch import Kept, is_settled
from shared.projection.projection import Projection, StoredRecord, gateway_record, instant_of
from shared.projection.verify import DriftKind, difference, drift_of

EVENT = EventName.CORRECT_PROJECTION
BATCH = 250
MAX_EVENTS = 20
"""Maximum number of audit rows for the findings of one batch. One more row counts the other findings."""
_ID = re.compile(r"device-session-[0-9a-f-]{36}")

_log = logging.getLogger("authsession.projection.examination")


@dataclass(frozen=True, slots=True)
class Word:
    """The last stream entry of a session. `is_proven` means that no change under way explains it."""

    record: GatewayRecord
    is_proven: bool


@dataclass(frozen=True, slots=True)
class _Look:
    kept: Kept
    is_settled: bool
    records: Mapping[str, StoredRecord | None]
    sessions: Mapping[str, DeviceSession]
    waiting: Collection[str]

    def drift(self, device_session_id: str) -> DriftKind | None:
        return drift_of(
            self.sessions.get(device_session_id),
            self.records[device_session_id],
            instant_of(self.kept.now_ms),
            self.kept.session_max_age,
        )

    def explains(self, device_session_id: str) -> bool:
        """Whether a change or a rebuild under way may explain a difference."""
        return not self.is_settled or device_session_id in self.waiting


@dataclass(frozen=True, slots=True)
class _Finding:
    """A difference to correct. If `is_proven`, somebody else wrote it, and the audit trail records it."""

    device_session_id: str
    kind: DriftKind
    session: DeviceSession | None
    record: GatewayRecord | None
    word: GatewayRecord | None
    is_proven: bool


class Examination:
    """Examines suspects and corrects them. It keeps no state between two calls."""

    def __init__(self, postgres: Postgres, projection: Projection) -> None:
        self._postgres = postgres
        self._projection = projection

    async def examine(self, device_session_ids: Collection[str], words: Mapping[str, Word] | None = None) -> None:
        """Compare these records, and the last stream entries in `words`, with their sessions. Correct differences.

        A repeat is harmless. Raises `DependencyUnavailable`, and `StaleEpoch` if a new epoch began meanwhile.
        """
        ids = list(device_session_ids)
        for start in range(0, len(ids), BATCH):
            await self._examine(ids[start : start + BATCH], words or {})

    async def tell_unreadable(self, count: int) -> None:
        """Record in the audit trail that the stream has malformed entries, which our processes never write.

        There is no session to correct.
        """
        event = replace(_event(DriftKind.MALFORMED, None), outcome="found", details={"entries": count})
        await self._postgres.unit_of_work(insert_audit_event, event)
        metrics.CORRECTIONS.add(count, {"kind": DriftKind.MALFORMED})

    async def _examine(self, ids: Sequence[str], words: Mapping[str, Word]) -> None:
        epoch = await self._projection.epoch()  # before the sessions are read
        first, second = await self._look(ids), await self._look(ids)
        findings = [found for each in ids if (found := _finding(each, first, second, words.get(each))) is not None]
        if findings:
            await self._tell([found for found in findings if found.is_proven])
            await self._correct(findings, epoch, instant_of(second.kept.now_ms))

    async def _look(self, ids: Sequence[str]) -> _Look:
        """Read records, then sessions, then waiting changes: a session without one was published before this look."""
        seen = await self._projection.look()
        records = dict(zip(ids, await self._projection.read(ids), strict=True))

        async def read(connection: asyncpg.Connection) -> tuple[Kept, list[DeviceSession], set[str]]:
            sessions = await store.read_sessions(connection, ids)
            return await store.read_keeper(connection), sessions, await store.read_waiting(connection, ids)

        kept, sessions, waiting = await self._postgres.unit_of_work(read)
        by_id = {session.device_session_id: session for session in sessions}
        return _Look(kept, is_settled(kept, seen), records, by_id, waiting)

    async def _tell(self, proven: Sequence[_Finding]) -> None:
        """Record findings in the audit trail. This comes before the correction, so that a crash never loses a finding.

        After a crash in between a finding may be recorded twice. `Reconciler` records conflicts.
        """
        told = [found for found in proven if found.kind is not DriftKind.REVOKED_ONLY_IN_REDIS]
        if not told:
            return
        await self._postgres.unit_of_work(insert_audit_events, _events(told))
        for kind, count in Counter(found.kind for found in told).items():
            metrics.CORRECTIONS.add(count, {"kind": kind})
        _log.error("gateway projection corrected: somebody else wrote to it", extra={"count": len(told)})

    async def _correct(self, findings: Sequence[_Finding], epoch: str, now: datetime) -> None:
        """Write each session as it is in Postgres. A record without a session becomes revoked (SPEC §6.4)."""
        strays = [_stray(found) for found in findings if found.session is None]
        ended = [found.session for found in findings if found.session and _is_ended(found)]
        written = [found.session for found in findings if found.session and not _is_conflict(found)]
        if strays:
            await self._projection.revoke_strays(strays, epoch, now)
        if written:
            kept = {session.device_session_id for session in await self._projection.write(written, epoch)}
            unreadable = {found.device_session_id for found in findings if found.kind is DriftKind.MALFORMED}
            ended += [session for session in written if session.device_session_id in kept & unreadable]
        if ended:
            await self._projection.revoke_strays([gateway_record(session) for session in ended], epoch, now)
        conflicts = {found.device_session_id for found in findings if _is_conflict(found)}
        conflicts.update(session.device_session_id for session in ended)
        if conflicts:
            await self._postgres.unit_of_work(store.note_conflicts, sorted(conflicts))


def _finding(device_session_id: str, first: _Look, second: _Look, word: Word | None) -> _Finding | None:
    session = second.sessions.get(device_session_id)
    drift = second.drift(device_session_id)
    if drift is DriftKind.MISSING and not second.is_settled:
        drift = None  # the rebuild will write the record
    spoken = None if word is None else contradiction(session, word.record)
    kind = drift or spoken
    if kind is None:
        return None
    was_there = drift is not None and first.drift(device_session_id) is drift
    is_spoken = spoken is not None and word is not None and word.is_proven
    is_explained = first.explains(device_session_id) or second.explains(device_session_id)
    return _Finding(
        device_session_id,
        kind,
        session,
        _decoded(second.records[device_session_id], device_session_id),
        None if word is None else word.record,
        is_proven=(was_there or is_spoken) and not is_explained,
    )


def contradiction(session: DeviceSession | None, word: GatewayRecord) -> DriftKind | None:
    """The kind of difference between a session and its last stream entry, or None. Pure."""
    if session is None:
        return DriftKind.STRAY if word.status == "active" else None
    return None if word == gateway_record(session) else difference(session, word)


def _is_conflict(found: _Finding) -> bool:
    """Whether an active session is revoked by its record or stream entry. `Reconciler` then looks and revokes it."""
    says_revoked = any(said is not None and said.status == "revoked" for said in (found.record, found.word))
    return found.session is not None and found.session.status == "active" and says_revoked


def _is_ended(found: _Finding) -> bool:
    """Whether only the stream shows the conflict, so that the record must be revoked too."""
    return _is_conflict(found) and (found.record is None or found.record.status == "active")


def _stray(found: _Finding) -> GatewayRecord:
    """The record to revoke. A record that cannot be read leaves only its id."""
    said = found.record or found.word or GatewayRecord(found.device_session_id, "", "", "active")
    return replace(said, device_session_id=found.device_session_id, status="active", revoked_at_ms=None)


def _decoded(stored: StoredRecord | None, device_session_id: str) -> GatewayRecord | None:
    try:
        record = None if stored is None else decode_record(stored.value)
    except MalformedRecord:
        return None
    return record if record is not None and record.device_session_id == device_session_id else None


def _events(told: Sequence[_Finding]) -> list[AuditEvent]:
    """The audit events of these findings. A forged id may be any text, so it is named only if it looks like an id."""
    events = [_event(found.kind, _subject(found)) for found in told[:MAX_EVENTS]]
    if len(told) > MAX_EVENTS:
        events.append(replace(_event(told[-1].kind, None), details={"further": len(told) - MAX_EVENTS}))
    return events


def _subject(found: _Finding) -> str | None:
    return found.device_session_id if _ID.fullmatch(found.device_session_id) else None


def _event(kind: DriftKind, subject: str | None) -> AuditEvent:
    return AuditEvent(
        event=EVENT, outcome="corrected", caller="system", actor=Actor("system", None), subject=subject,
        reason_code=kind,
    )  # fmt: skip
