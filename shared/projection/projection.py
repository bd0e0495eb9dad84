"""Writes and reads the gateway's records in Redis, under the epoch of Postgres and Redis (SPEC §6.1, §6.2).

`contracts.gateway` has the form of keys, records and entries. The keeper decides when an epoch begins.
"""

import logging
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import chain
from typing import TypeAlias

from contracts.gateway import (
    GatewayKeys,
    GatewayRecord,
    MalformedRecord,
    decode_stream_entry,
    encode_record,
    encode_stream_entry,
)
from shared.io import redis_replies
from shared.io.postgres import Postgres
from shared.io.redis import Redis
from shared.kernel.device_session import DeviceSession
from shared.projection import store
from shared.projection.epoch import Seen, State

REVOKED_LIFE = timedelta(days=30)
"""The life of a revoked record from `revoked_at` on. An active one lives for the setting `session_max_age`."""

STREAM_START = "0-0"
_LAST_ID = "last_id"

_FOLDER = resources.files("shared.projection")
_WRITE = _FOLDER.joinpath("projection.lua").read_text("utf-8")
_BEAT = _FOLDER.joinpath("beat.lua").read_text("utf-8")
_READ = _FOLDER.joinpath("read.lua").read_text("utf-8")
_REPLACE = _FOLDER.joinpath("replace.lua").read_text("utf-8")
_BEGIN = "redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'state', 'rebuilding', 'beat', ARGV[2])"
_BEAT_OF_REDIS = re.compile(rb"[0-9]{1,18}")
_GLOB = re.compile(r"[*?\[\]\\]")  # characters with a meaning in SCAN's MATCH
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_log = logging.getLogger("authsession.projection.projection")

_Life: TypeAlias = tuple[GatewayRecord, int]
"""A record and the instant of its expiry, in milliseconds since 1970."""


class StaleEpoch(Exception):
    """A new epoch began after the writer read its own, so that the sessions it would write may be out of date."""


@dataclass(frozen=True, slots=True)
class _Epoch:
    name: str
    session_max_age: timedelta


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record in Redis, not decoded, with the instant of its expiry; None means never."""

    value: bytes
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Entries:
    """A read of `size` stream entries: the last one of each session, how many are malformed, and the position after."""

    words: Mapping[str, GatewayRecord]
    unreadable: int
    size: int
    position: str


class Projection:
    """The records and the stream in Redis. One object per process."""

    def __init__(self, postgres: Postgres, redis: Redis, keys: GatewayKeys, *, stream_maxlen: int) -> None:
        """`stream_maxlen` is the approximate length of the stream in entries (`MAXLEN ~`)."""
        self.keys = keys
        self._postgres = postgres
        self._redis = redis
        self._stream_maxlen = stream_maxlen
        self._epoch: _Epoch | None = None

    async def epoch(self) -> str:
        """The epoch to write under, from memory; the first time and after `StaleEpoch` from Postgres.

        Read it *before* the transaction whose sessions are written. An epoch is in Redis before it is in Postgres, so a
        session that is read after the epoch is at least as new as everything that Redis lost before. Raises
        `DependencyUnavailable("postgres")`; Redis may be away.
        """
        if self._epoch is None:
            self._epoch = _Epoch(*await self._postgres.unit_of_work(store.read_epoch))
        return self._epoch.name

    def adopt(self, epoch: str, session_max_age: timedelta) -> None:
        """Write under this epoch from now on. Only for the keeper, once Redis and Postgres both have the epoch."""
        self._epoch = _Epoch(epoch, session_max_age)

    async def write(
        self, sessions: Sequence[DeviceSession], epoch: str, *, announce: bool = True
    ) -> Sequence[DeviceSession]:
        """Write the records of all sessions, in order, and their stream entries if `announce`. All are written or none.

        An active session never replaces a record that says revoked; such sessions are returned. A repeat is harmless.
        Raises `StaleEpoch`, and then nothing was written, and `DependencyUnavailable("redis")`, with unknown outcome.
        """
        current = self._epoch
        if current is None or current.name != epoch:  # this process knows that the epoch is over
            raise StaleEpoch
        lives = [_life(session, current.session_max_age) for session in sessions]
        return [sessions[place] for place in await self._write(lives, epoch, announce=announce)]

    async def revoke_strays(self, records: Sequence[GatewayRecord], epoch: str, now: datetime) -> None:
        """Make active records without a session revoked from `now` on, with stream entries. Raises as `write` does."""
        revoked_at_ms = milliseconds(now)
        ends = milliseconds(now + REVOKED_LIFE)
        revoked = [replace(record, status="revoked", revoked_at_ms=revoked_at_ms) for record in records]
        await self._write([(record, ends) for record in revoked], epoch, announce=True)

    async def _write(self, lives: Iterable[_Life], epoch: str, *, announce: bool) -> list[int]:
        """Run the script. Returns the 0-based places of records that stayed revoked."""
        keys = [self.keys.projection, self.keys.stream]
        arguments: list[str | bytes | int] = [epoch, self._stream_maxlen if announce else ""]
        for record, ends in lives:
            entry = encode_stream_entry(record) if announce else {}
            keys.append(self.keys.record(record.device_session_id))
            arguments += (encode_record(record), ends, 2 * len(entry), *chain.from_iterable(entry.items()))
        places = await self._redis.run_script(_WRITE, keys, arguments, _places_up_to(len(keys) - 2))
        if places is None:
            self._epoch = None
            raise StaleEpoch
        if any(place < 0 for place in places):
            _log.error("redis keys of gateway records replaced: they were of another type")
        return [place - 1 for place in places if place > 0]

    async def look(self) -> Seen:
        """The projection key and the server's `run_id`. Raises `DependencyUnavailable("redis")`."""
        fields = await self._redis.hgetall(self.keys.projection)
        run_id = await self._redis.run_id()
        beat = fields.get(b"beat", b"")
        is_beat = _BEAT_OF_REDIS.fullmatch(beat) is not None
        return Seen(_text(fields, b"epoch"), _text(fields, b"state"), int(beat) if is_beat else None, run_id)

    async def replace_foreign_keys(self) -> bool:
        """Remove a projection or stream of another type, and a stream whose last id is taken. Only for the keeper.

        True if the last id was taken, which only somebody with write access to the stream can do.
        """
        replaced = await self._redis.run_script(
            _REPLACE, [self.keys.projection, self.keys.stream], [], redis_replies.array_of(_replaced)
        )
        for name in replaced:
            if name == _LAST_ID:
                _log.error("stream of gateway events replaced: somebody took its last id")
            else:
                _log.error(
                    "redis key of the gateway projection replaced: it was of another type", extra={"names": name}
                )
        return _LAST_ID in replaced

    def look_elsewhere(self) -> None:
        """Make the next call use a new connection, because the address may lead to another server by now."""
        self._redis.renew()

    async def begin(self, epoch: str, beat: int) -> None:
        """Begin an epoch in Redis, which then refuses every other one. Only for the keeper."""
        await self._redis.run_script(_BEGIN, [self.keys.projection], [epoch, beat], redis_replies.nothing)

    async def beat(self, epoch: str, last: int, beat: int, state: State) -> bool:
        """Write the next beat. False, and nothing is written, if the last one is not there. Only for the keeper."""
        arguments = [epoch, last, beat, state]
        return await self._redis.run_script(_BEAT, [self.keys.projection], arguments, redis_replies.number) == 1

    async def read(self, device_session_ids: Sequence[str]) -> list[StoredRecord | None]:
        """The records in the order of the ids; None for a missing one. Raises `DependencyUnavailable("redis")`."""
        if not device_session_ids:
            return []
        keys = [self.keys.record(each) for each in device_session_ids]
        return await self._redis.run_script(_READ, keys, [], redis_replies.array_of(_stored, len(keys)))

    async def entries(self, after: str, limit: int) -> Entries:
        """The entries after the position `after` in the stream, at most `limit`.

        If that position is gone and nothing follows, the stream went back, and is read from its start.
        """
        answer = await self._redis.xrange(self.keys.stream, after, limit + 1)
        if answer and answer[0][0].decode() == after:
            answer = answer[1:]
        elif not answer and after != STREAM_START:
            return await self.entries(STREAM_START, limit)
        return _entries(answer[:limit], after)

    async def stream_end(self) -> str:
        """The position of the newest entry."""
        newest = await self._redis.last_entry_id(self.keys.stream)
        return STREAM_START if newest is None else newest.decode()

    async def record_ids(self) -> AsyncGenerator[list[str], None]:
        """Pages of the ids that have records, some perhaps twice. Close it with `aclosing`."""
        prefix = self.keys.record_prefix
        keys = self._redis.scan(_GLOB.sub(r"\\\g<0>", prefix) + "*")
        async with aclosing(keys) as pages:
            async for page in pages:
                yield [key.decode(errors="replace").removeprefix(prefix) for key in page]


def position_order(position: str) -> tuple[int, int]:
    """The two numbers of a position, by which positions compare."""
    milliseconds, _, sequence = position.partition("-")
    return int(milliseconds), int(sequence)


def _entries(answer: Sequence[tuple[bytes, Sequence[bytes]]], after: str) -> Entries:
    words: dict[str, GatewayRecord] = {}
    unreadable = 0
    for _, flat in answer:
        texts = [text.decode(errors="replace") for text in flat or ()]
        try:
            record = decode_stream_entry(dict(zip(texts[::2], texts[1::2], strict=True)))
        except MalformedRecord:
            unreadable += 1
        else:
            words[record.device_session_id] = record
    return Entries(words, unreadable, len(answer), answer[-1][0].decode() if answer else after)


def gateway_record(session: DeviceSession) -> GatewayRecord:
    """The gateway record of a session."""
    revoked_at_ms = None if session.revoked_at is None else milliseconds(session.revoked_at)
    return GatewayRecord(
        session.device_session_id, session.user_id, session.client_public_key.base64, session.status, revoked_at_ms
    )


def record_ends(session: DeviceSession, session_max_age: timedelta) -> datetime:
    """The instant at which the session's record expires. After it a gateway would not accept an active session.

    A revoked session is asked for no longer.
    """
    return session.created_at + session_max_age if session.revoked_at is None else session.revoked_at + REVOKED_LIFE


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970 UTC, rounded down."""
    return (instant - _START) // _MILLISECOND


def instant_of(since_1970_ms: int) -> datetime:
    """The instant `since_1970_ms` milliseconds after 1970 UTC."""
    return _START + since_1970_ms * _MILLISECOND


def _life(session: DeviceSession, session_max_age: timedelta) -> _Life:
    return gateway_record(session), milliseconds(record_ends(session, session_max_age))


def _text(fields: Mapping[bytes, bytes], name: bytes) -> str | None:
    return fields[name].decode(errors="replace") if name in fields else None


def _places_up_to(most: int) -> redis_replies.Read[list[int] | None]:
    """A reader of the answer of projection.lua: 1-based places, negative for replaced keys; None for a stale epoch."""

    def read(reply: object) -> list[int] | None:
        if reply == b"stale":
            return None
        places = redis_replies.array_of(redis_replies.number)(reply)
        if not all(1 <= abs(place) <= most for place in places):
            raise ValueError
        return places

    return read


def _stored(reply: object) -> StoredRecord | None:
    value, ends = redis_replies.array(reply)
    return None if value is None else StoredRecord(redis_replies.text(value), _end(redis_replies.number(ends)))


def _end(since_1970_ms: int) -> datetime | None:
    try:
        return None if since_1970_ms < 0 else instant_of(since_1970_ms)
    except OverflowError:  # after the year 9999
        return None


def _replaced(reply: object) -> str:
    name = redis_replies.text(reply).decode("ascii")
    if name not in ("projection", "stream", _LAST_ID):
        raise ValueError
    return name
