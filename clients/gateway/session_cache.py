"""`SessionCache` tells whether a device session is active: from local memory, or from Redis on a miss.

It never calls our services. It works on trio and asyncio. A process needs one cache.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import anyio

from clients.gateway.clock import Clock, steady_clock
from clients.gateway.follower import WATCH, Follower
from clients.gateway.following import Following, Problem
from clients.gateway.lags import RevocationLags
from clients.gateway.local_copy import Known, LocalCopy, Reading
from clients.gateway.modes import FailClosed, FailStatic, Mode
from clients.gateway.notices import Forgot, OnNotice, Refused, ServedStatic, log_notice
from clients.gateway.redis_connection import (
    MISSHAPEN,
    Argument,
    RedisConnection,
    RedisRefused,
    RedisReplyError,
    RedisUnavailable,
)
from clients.gateway.redis_server import Login, RedisServer
from contracts.gateway import GatewayKeys, GatewayRecord, MalformedRecord, decode_record
from contracts.node.report import Lag

CAPACITY = 100_000
_COMPLETE = b"complete"
_log = logging.getLogger("clients.gateway")


@dataclass(frozen=True, slots=True)
class Active:
    """The session is active. With `is_static` it may be outdated: nothing newer can be known now (`FailStatic`)."""

    record: GatewayRecord
    is_static: bool = False


@dataclass(frozen=True, slots=True)
class Revoked:
    record: GatewayRecord


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such session, or its record has expired. The caller is not authenticated."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The state of the session cannot be known now. The caller is not at fault and may ask again later."""

    why: Problem | Literal["rebuilding", "unreadable_record"]


Answer: TypeAlias = Active | Revoked | Unknown | Unavailable


class SessionCache:
    """Made by `open_session_cache`."""

    def __init__(self, copy: LocalCopy, following: Following, follower: Follower, keys: GatewayKeys, mode: Mode,
                 clock: Clock, on_notice: OnNotice, lags: RevocationLags | None = None) -> None:  # fmt: skip
        self.keys = keys
        self.mode = mode
        self._copy = copy
        self._following = following
        self._follower = follower
        self._clock = clock
        self._on_notice = on_notice
        self._lags = lags or RevocationLags()
        self._refused_for: str | None = None

    def held(self) -> int:
        """How many sessions this process holds, active and revoked ones."""
        return len(self._copy)

    async def find(self, device_session_id: str, mode: Mode | None = None) -> Answer:
        """The state of the session now. Raises nothing. Cancelling is harmless. `mode` replaces the cache's own.

        Once `Revoked`, a session is never `Active` again, even if Redis loses data, while it is among the last
        `capacity` revocations. An `Active` answer without `is_static` reflects every revocation published more than
        the mode's `patience` ago; usually all but those of the last milliseconds.
        """
        mode = mode or self.mode
        while True:
            known = self._copy.look(device_session_id)
            if known is not None and known.record.status == "revoked":
                return Revoked(known.record)
            problem = self._following.problem(self._clock(), mode.patience)
            if problem is not None:
                return self._without_redis(device_session_id, problem, mode)
            if known is not None and known.missed_since is None:
                return Active(known.record)
            answer = await self._ask_redis(device_session_id, mode)
            if answer is not None:
                return answer

    def is_revoked(self, device_session_id: str) -> bool:
        """Whether this process has heard of the revocation, among the last `capacity` ones. Does no I/O."""
        return self._copy.is_revoked(device_session_id)

    def problem(self) -> Problem | None:
        """Why nothing new can be known now; None if all is well. Meant for a readiness check."""
        return self._following.problem(self._clock(), self.mode.patience)

    def take_lag(self) -> Lag | None:
        """How long revocations took to arrive here since the last call; None if none did."""
        return self._lags.take()

    async def ready(self) -> None:
        """Returns when the cache can answer, usually within three beats (3 s). The caller must set a time limit."""
        while self.problem() is not None:  # noqa: ASYNC110 - readiness comes from time and bytes, not from one event
            await anyio.sleep(0.02)

    async def execute(self, *command: Argument) -> object:
        """Runs a command for another use of the same Redis, such as replay keys.

        Raises `RedisUnavailable`, and `RedisRefused` if Redis answers with an error. The first refusal is a notice.
        """
        try:
            answer = await self._connection().call(*command)
        except RedisReplyError as error:
            self._follower.suspect()
            if self._refused_for != error.code:
                self._refused_for = error.code
                self._on_notice(Refused(error.code))
            raise RedisRefused(error.code) from None
        self._refused_for = None
        return answer

    def _connection(self) -> RedisConnection:
        link = self._follower.link
        if link is None:
            raise RedisUnavailable("not connected")
        return link.records

    async def _ask_redis(self, device_session_id: str, mode: Mode) -> Answer | None:
        """Reads the record and returns the answer; None if it was outdated on arrival."""
        with self._copy.reading(device_session_id) as reading:
            try:
                value, is_complete = await self._read(device_session_id)
                if value is None:
                    return self._missing(reading, mode, is_complete=is_complete)
                record = self._copy.learn(reading, _decoded(value, device_session_id))
            except (RedisUnavailable, RedisReplyError):
                return self._without_redis(device_session_id, "not_connected", mode)
            except MalformedRecord:
                _log.error("gateway record is malformed")
                return Unavailable("unreadable_record")
            except MISSHAPEN:
                self._follower.leave()
                return self._without_redis(device_session_id, "not_connected", mode)
        return None if record is None else _told(record)

    async def _read(self, device_session_id: str) -> tuple[bytes | None, bool]:
        """The record, and whether no record is missing: state `complete` under one epoch before and after the read."""
        state: tuple[Argument, ...] = ("HMGET", self.keys.projection, "epoch", "state")
        before, value, after = await self._connection().call_all(
            [state, ("GET", self.keys.record(device_session_id)), state]
        )
        return value, before == after and before[0] is not None and before[1] == _COMPLETE

    def _missing(self, reading: Reading, mode: Mode, *, is_complete: bool) -> Answer | None:
        if reading.heard is None and self._copy.is_outdated(reading):
            return None
        if reading.heard is not None or not is_complete:
            return self._without_redis(reading.device_session_id, "rebuilding", mode)
        self._copy.drop(reading.device_session_id)
        return Unknown()

    def _without_redis(self, device_session_id: str, why: Problem | Literal["rebuilding"], mode: Mode) -> Answer:
        """The answer if it is known for certain, else the answer of the mode."""
        if why == "not_current":
            self._follower.suspect()
        match self._copy.look(device_session_id), mode:
            case Known(GatewayRecord(status="revoked") as record), _:
                return Revoked(record)
            case Known(record, missed_since), FailStatic(serve_known_for) if self._age(missed_since) <= serve_known_for:
                self._on_notice(ServedStatic(why))
                return Active(record, is_static=True)
            case _:
                return Unavailable(why)

    def _age(self, missed_since: float | None) -> float:
        """Seconds since the last proof that no revocation was missed."""
        return self._clock() - (self._following.proved_at if missed_since is None else missed_since)


@asynccontextmanager
async def open_session_cache(
    server: RedisServer,
    *,
    keys: GatewayKeys | None = None,
    mode: Mode | None = None,
    capacity: int = CAPACITY,
    on_notice: OnNotice = log_notice,
    clock: Clock = steady_clock,
    watch: float = WATCH,
    login: Login | None = None,
) -> AsyncGenerator[SessionCache]:
    """A cache that follows Redis until the context ends. It does not wait for Redis; `await cache.ready()` does.

    The default mode is `FailClosed()`. `capacity` bounds active and revoked sessions separately, at about 500 bytes
    each. `watch` is the time between two reads of the projection key, in seconds. `login` replaces the
    credentials of `server`: it is asked at the start, and again when Redis refuses them, at most every 10 s. A wrong or
    missing Redis raises nothing: it causes notices and the answer `Unavailable`.
    """
    keys = keys or GatewayKeys()
    copy = LocalCopy(capacity)
    lags = RevocationLags()
    following = Following(copy, lambda why: on_notice(Forgot(why)), lags.note)
    follower = Follower(server, keys, following, clock, on_notice, watch=watch, login=login)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follower.run)
            yield SessionCache(copy, following, follower, keys, mode or FailClosed(), clock, on_notice, lags)
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:  # the follower raises nothing, so this is the one exception of the body
        raise group.exceptions[0] from None


def _decoded(value: bytes, device_session_id: str) -> GatewayRecord:
    record = decode_record(value)
    if record.device_session_id != device_session_id:
        raise MalformedRecord("the record is another session's")
    return record


def _told(record: GatewayRecord) -> Answer:
    return Active(record) if record.status == "active" else Revoked(record)
