"""Writes and reads the gateway's records in Redis, under the epoch that Postgres and Redis agree on (SPEC §6.1, §6.2).

What a key, record or entry looks like is `contracts.gateway`'s to know; when an epoch begins is the keeper's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources

from contracts.gateway import GatewayKeys, GatewayRecord, encode_record, encode_stream_entry
from shared.io.postgres import Postgres
from shared.io.redis import Redis
from shared.kernel.device_session import DeviceSession
from shared.outbox import store

REVOKED_LIFE = timedelta(days=30)
"""How long a revoked record stays, from `revoked_at`. An active one stays for the setting `session_max_age`."""

_WRITE = resources.files(__package__).joinpath("projection.lua").read_text("utf-8")
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class StaleEpoch(Exception):
    """Redis was lost or went back since the writer's epoch was read: what it knows of the session may be out of date."""


@dataclass(frozen=True, slots=True)
class _Epoch:
    name: str
    session_max_age: timedelta


class Projection:
    """The records and the stream. One object per process."""

    def __init__(self, postgres: Postgres, redis: Redis, keys: GatewayKeys, *, stream_maxlen: int) -> None:
        """`stream_maxlen` is the stream's length in entries, approximately (`MAXLEN ~`)."""
        self.keys = keys
        self._postgres = postgres
        self._redis = redis
        self._stream_maxlen = stream_maxlen
        self._epoch: _Epoch | None = None

    async def epoch(self) -> str:
        """The epoch to write under: from memory, or from Postgres the first time and after `StaleEpoch`.

        Read it *before* the transaction whose sessions are then written. It was in Redis before it was in Postgres, so
        a session read after the epoch is at least as new as all that Redis lost before that epoch began. Raises
        `DependencyUnavailable("postgres")`; Redis may be away.
        """
        if self._epoch is None:
            self._epoch = _Epoch(*await self._postgres.unit_of_work(store.read_epoch))
        return self._epoch.name

    async def write(
        self, sessions: Sequence[DeviceSession], epoch: str, *, announce: bool = True
    ) -> Sequence[DeviceSession]:
        """Write each session's record and (`announce`) stream entry, in this order, all or none; return those kept revoked.

        A record that says revoked is never replaced by one that says active: such a session is among those returned.
        Repeats are harmless. Raises `StaleEpoch` (nothing was written) and `DependencyUnavailable("redis")` (outcome
        unknown).
        """
        current = self._epoch
        if current is None or current.name != epoch:  # this process knows of a later one
            raise StaleEpoch
        keys = [self.keys.projection, self.keys.stream]
        keys += [self.keys.record_prefix + session.device_session_id for session in sessions]
        arguments: list[str | bytes | int] = [epoch, self._stream_maxlen if announce else ""]
        for session in sessions:
            arguments += _arguments(session, current.session_max_age, announce=announce)
        places = await self._redis.run_script(_WRITE, keys, arguments)
        if places == b"stale":
            self._epoch = None
            raise StaleEpoch
        return [sessions[place - 1] for place in places]


def gateway_record(session: DeviceSession) -> GatewayRecord:
    """The session as the gateway sees it."""
    revoked_at_ms = None if session.revoked_at is None else milliseconds(session.revoked_at)
    return GatewayRecord(
        session.device_session_id, session.user_id, session.client_public_key.base64, session.status, revoked_at_ms
    )


def record_ends(session: DeviceSession, session_max_age: timedelta) -> datetime:
    """When the session's record may go: nobody would take it for active any more, or ask whether it was revoked."""
    return session.created_at + session_max_age if session.revoked_at is None else session.revoked_at + REVOKED_LIFE


def milliseconds(instant: datetime) -> int:
    """Since 1970 UTC, rounded down."""
    return (instant - _START) // _MILLISECOND


def instant_of(since_1970_ms: int) -> datetime:
    """The instant so many milliseconds after 1970 UTC."""
    return _START + since_1970_ms * _MILLISECOND


def _arguments(session: DeviceSession, session_max_age: timedelta, *, announce: bool) -> Iterator[str | bytes | int]:
    record = gateway_record(session)
    entry = encode_stream_entry(record) if announce else {}
    yield encode_record(record)
    yield milliseconds(record_ends(session, session_max_age))
    yield 2 * len(entry)
    for pair in entry.items():
        yield from pair
