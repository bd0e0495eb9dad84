"""Redis for trio: one connection carries all commands of the process at once. It is opened when first needed.

Every answer that a command does not expect becomes `DependencyUnavailable("redis")`, only in this module
(docs/decisions/0040-weather.md). Reasons against redis-py and coredis: docs/decisions/0002-redis-client.md.
"""

import hashlib
import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from typing import TypeVar

import trio

from shared.io import redis_replies
from shared.io.redis_connection import Argument, RedisConnection, RedisReplyError
from shared.io.redis_replies import Read
from shared.kernel.address import UnixAddress, parse_address
from shared.kernel.faults import ConfigurationError, DependencyUnavailable
from shared.telemetry import tracing

T = TypeVar("T")

PING_PATIENCE = timedelta(milliseconds=500)
RENEWAL = timedelta(seconds=1)
"""The age from which a refusal renews a connection. A server that refuses everything thus gets few new connections."""

OpenStream = Callable[[], Awaitable[trio.abc.Stream]]

_log = logging.getLogger("authsession.io.redis")


@dataclass(slots=True, eq=False)
class _Ping:
    """A PING under way, which several callers may await."""

    ended: trio.Event = field(default_factory=trio.Event)
    reason: str | None = "timeout"
    """The cause of a missing answer; None once an answer came."""


class Redis:
    """The few commands that this product needs. One object per process, made by `open_redis`.

    Each call ends within the timeout of `open_redis`. Cancellation takes effect before a command is sent or after its
    answer, never between. A call that raises `DependencyUnavailable("redis")` may have been executed.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        open_stream: OpenStream,
        handshake: Sequence[Sequence[Argument]],
        timeout: timedelta,
    ) -> None:
        """`handshake` holds the commands that log in and select the database on a new connection."""
        self._nursery = nursery
        self._open_stream = open_stream
        self._handshake = handshake
        self._timeout = timeout.total_seconds()
        self._connection: RedisConnection | None = None
        self._connecting = trio.Lock()
        self._ping: _Ping | None = None
        self._is_closed = False

    async def run_script(self, script: str, keys: Sequence[Argument], args: Sequence[Argument], read: Read[T]) -> T:
        """Run a Lua script by its digest, and load it first if Redis does not have it.

        `read` converts its answer; see `redis_replies`.
        """
        digest = _digest(script)
        evaluation = (b"EVALSHA", digest, len(keys), *keys, *args)
        answer = await self._answer(evaluation)
        if _is_refused(answer, "NOSCRIPT"):
            self._read(await self._answer((b"SCRIPT", b"LOAD", script)), redis_replies.text)
            answer = await self._answer(evaluation)
        return self._read(answer, read)

    async def get(self, key: Argument) -> bytes | None:
        return await self._execute(redis_replies.text_or_none, b"GET", key)

    async def set(self, key: Argument, value: Argument) -> None:
        await self._execute(redis_replies.done, b"SET", key, value)

    async def mget(self, keys: Sequence[Argument]) -> list[bytes | None]:
        values = redis_replies.array_of(redis_replies.text_or_none, len(keys))
        return await self._execute(values, b"MGET", *keys) if keys else []

    async def hgetall(self, key: Argument) -> dict[bytes, bytes]:
        return await self._execute(redis_replies.text_map, b"HGETALL", key)

    async def ping(self) -> None:
        """Return if Redis answers within `PING_PATIENCE`, for callers that must not wait for a silent Redis.

        The PING itself goes on within the timeout of every call. Ending it would close the connection, and with it
        other calls that a slow Redis still answers.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._is_closed:
            raise _unavailable("closed")
        if (ping := self._ping) is None:
            ping = self._ping = _Ping()
            self._nursery.start_soon(self._run_ping, ping)
        with trio.move_on_after(PING_PATIENCE.total_seconds()):
            await ping.ended.wait()
        if ping.reason is not None:
            raise DependencyUnavailable("redis", reason=ping.reason)

    async def _run_ping(self, ping: "_Ping") -> None:
        try:
            await self._execute(redis_replies.pong, b"PING")
            ping.reason = None
        except DependencyUnavailable as fault:
            ping.reason = fault.reason
        finally:
            self._ping = None
            ping.ended.set()

    async def info(self, section: str) -> dict[str, str]:
        """The fields of one section of INFO, such as `run_id` of `server`."""
        return await self._execute(redis_replies.information, b"INFO", section)

    async def run_id(self) -> str:
        """The id of the server. It changes with each restart, and each replica has its own."""
        return await self._execute(redis_replies.run_id, b"INFO", "server")

    async def scan(self, match: str, count: int = 1000) -> AsyncGenerator[list[bytes]]:
        """The keys that match, in batches, some perhaps twice. Keys that come or go meanwhile may be missing."""
        cursor = 0
        while True:
            cursor, keys = await self._execute(redis_replies.page, b"SCAN", cursor, b"MATCH", match, b"COUNT", count)
            yield keys
            if cursor == 0:
                return

    async def xrange(self, key: Argument, first: str, count: int) -> list[tuple[bytes, list[bytes]]]:
        """At most `count` entries of a stream from the id `first` on, as ids with alternating names and values."""
        return await self._execute(redis_replies.entries, b"XRANGE", key, first, b"+", b"COUNT", count)

    async def last_entry_id(self, key: Argument) -> bytes | None:
        """The id of the newest entry of a stream, or None if it has no entry."""
        newest = await self._execute(redis_replies.entries, b"XREVRANGE", key, b"+", b"-", b"COUNT", 1)
        return newest[0][0] if newest else None

    async def acl_users(self) -> list[str]:
        """The names of all ACL users. ACL LIST would stall Redis for seconds when there are thousands."""
        names = await self._execute(redis_replies.array_of(redis_replies.text), b"ACL", b"USERS")
        return [name.decode(errors="replace") for name in names]

    async def acl_key_patterns(self, username: str) -> list[str]:
        """The patterns of keys of an ACL user, such as `%R~a:*`; none if there is no such user. Redis 7 or later."""
        return await self._execute(redis_replies.key_patterns, b"ACL", b"GETUSER", username)

    async def acl_set_user(self, username: str, rules: Sequence[str]) -> None:
        """Make the ACL user, or give it other rules. Its connections stay."""
        await self._execute(redis_replies.done, b"ACL", b"SETUSER", username, *rules)

    async def acl_delete_user(self, username: str) -> None:
        """Delete the ACL user, which ends its connections. A user that does not exist is fine."""
        await self._execute(redis_replies.number, b"ACL", b"DELUSER", username)

    def close(self) -> None:
        """End the connection; every further call raises `DependencyUnavailable`."""
        self._is_closed = True
        if self._connection is not None:
            self._connection.close()

    async def _execute(self, read: Read[T], *command: Argument) -> T:
        return self._read(await self._answer(command), read)

    async def _answer(self, command: Sequence[Argument]) -> object:
        """The answer of Redis, which may be a refusal. Raises `DependencyUnavailable` if none comes."""
        await trio.lowlevel.checkpoint_if_cancelled()
        with tracing.redis_call(command[0]):
            try:
                with trio.CancelScope(deadline=trio.current_time() + self._timeout, shield=True):
                    connection = await self._connected()
                    return await connection.call(*command)
            except OSError as fault:
                raise _unavailable(type(fault).__name__) from fault
            raise _unavailable("timeout")

    def _read(self, answer: object, read: Read[T]) -> T:
        """Convert the answer. A refusal renews the connection; an answer of another form closes it."""
        if isinstance(answer, RedisReplyError):
            self.renew()
            raise _unavailable(answer.code)
        try:
            return read(answer)
        except redis_replies.MISSHAPEN:
            if self._connection is not None:
                self._connection.close()
            raise _unavailable("unexpected answer") from None

    def renew(self) -> None:
        """Make the next call open a new connection, if the present one is older than `RENEWAL`.

        After a failover the old server refuses writes, and the address may lead to another one. Calls under way still
        get their answers.
        """
        connection = self._connection
        if connection is not None and connection.opened_at + RENEWAL.total_seconds() <= trio.current_time():
            connection.retire()

    async def _connected(self) -> RedisConnection:
        if (connection := self._connection) is not None and connection.is_open:
            return connection
        async with self._connecting:
            if self._is_closed:
                raise ConnectionResetError("closed")
            if (connection := self._connection) is None or not connection.is_open:
                connection = self._connection = await self._new_connection()
            return connection

    async def _new_connection(self) -> RedisConnection:
        connection = RedisConnection(await self._open_stream())
        self._nursery.start_soon(connection.serve)
        for command in self._handshake:
            answer = await connection.call(*command)
            if answer != b"OK":
                connection.close()
                raise _unavailable(answer.code if isinstance(answer, RedisReplyError) else "unexpected answer")
        return connection


@asynccontextmanager
async def open_redis(
    address: str,
    *,
    username: str | None = None,
    password: str | None = None,
    db: int = 0,
    tls: bool = False,
    timeout: timedelta = timedelta(seconds=2),
) -> AsyncGenerator[Redis]:
    """Redis 6.2 or later at `address` (`host:port` or `unix:/path`).

    It does not connect: a process starts without Redis, and recovers by itself when Redis is back. `timeout` is the
    maximum duration of each call, including connecting. Raises `ConfigurationError` for an address that can never work.
    """
    open_stream = _stream_opener(address, tls=tls)
    handshake = _handshake(username, password, db)
    try:
        async with trio.open_nursery() as nursery:
            redis = Redis(nursery, open_stream, handshake, timeout)
            try:
                yield redis
            finally:
                redis.close()
    except BaseExceptionGroup as group:  # connections raise nothing, so this is the one exception of the body
        raise group.exceptions[0] from None


def _stream_opener(address: str, *, tls: bool) -> OpenStream:
    try:
        location = parse_address(address, default_host="127.0.0.1")
    except ValueError as error:
        raise ConfigurationError([f"the address of Redis must be {error}"]) from None
    if isinstance(location, UnixAddress):
        return partial(trio.open_unix_socket, location.path)
    if tls:
        context = ssl.create_default_context()
        return partial(trio.open_ssl_over_tcp_stream, location.host, location.port, ssl_context=context)
    return partial(trio.open_tcp_stream, location.host, location.port)


def _handshake(username: str | None, password: str | None, db: int) -> list[tuple[Argument, ...]]:
    commands: list[tuple[Argument, ...]] = []
    if password:
        commands.append((b"AUTH", username, password) if username else (b"AUTH", password))
    if db:
        commands.append((b"SELECT", db))
    return commands


def _is_refused(answer: object, code: str) -> bool:
    return isinstance(answer, RedisReplyError) and answer.code == code


@cache
def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def _unavailable(kind: str) -> DependencyUnavailable:
    """Log the kind of the fault, and return the exception to raise. A fault's text may quote a key or a user."""
    _log.warning("redis is unavailable", extra={"fault": kind})
    return DependencyUnavailable("redis", reason=kind)
