"""One connection to Redis (RESP2), on trio and asyncio: hiredis parses the protocol, anyio moves the bytes.

Redis answers in order, so calls of many tasks share a connection. The answer of a cancelled call is dropped when it
arrives; the connection stays usable. This module knows no key.
"""

import ssl
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import hiredis
from anyio.abc import ByteStream

from clients.gateway.redis_server import RedisServer
from contracts.reply_bounds import ReplyBounds, Unbounded

Argument = str | bytes | int

# hiredis' stub allows only one element, tuple[X]; the function takes any number.
_pack = cast(Callable[[tuple[Argument, ...]], bytes], hiredis.pack_command)
_MISSING = object()

MISSHAPEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""The exceptions of code that meets an answer of an unexpected form. No answer of Redis may end the gateway."""


class RedisUnavailable(Exception):
    """No answer: not connected, lost, too slow, or refused. The message is a kind of fault and quotes no key."""


class RedisRefused(RedisUnavailable):
    """Redis answered with an error. The message is its code, such as OOM."""


class RedisReplyError(Exception):
    """Redis answered with an error. The message may quote keys."""

    @property
    def code(self) -> str:
        """The first word of the message, such as NOPERM or ERR."""
        return str(self).partition(" ")[0]


class Answer:
    """The future answer to one command."""

    __slots__ = ("_arrived", "_timeout", "value")

    def __init__(self, timeout: float) -> None:
        self._arrived = anyio.Event()
        self._timeout = timeout
        self.value: Any = _MISSING

    def arrive(self, value: Any) -> None:
        self.value = value
        self._arrived.set()

    def be_lost(self) -> None:
        """Ends the wait without an answer, because the connection ended."""
        self._arrived.set()

    async def get(self) -> Any:
        """The answer. Raises `RedisReplyError`, or `RedisUnavailable` if none came in time.

        A command without an answer may have been executed.
        """
        with anyio.move_on_after(self._timeout) as deadline:
            await self._arrived.wait()
        if self.value is _MISSING:
            raise RedisUnavailable("too slow" if deadline.cancelled_caught else "lost")
        if isinstance(self.value, RedisReplyError):
            raise self.value
        return self.value


class RedisConnection:
    """Carries calls while `serve` runs. A closed connection stays closed."""

    def __init__(self, stream: ByteStream, timeout: float) -> None:
        """`timeout` is the longest wait for an answer, in seconds."""
        self._stream = stream
        self._timeout = timeout
        self._reader = hiredis.Reader(replyError=RedisReplyError, notEnoughData=_MISSING)
        self._bounds = ReplyBounds()
        self._waiting: deque[Answer] = deque()
        self._outbox: list[bytes] = []
        self._to_send = anyio.Event()
        self._scope = anyio.CancelScope()

    def ask(self, *command: Argument, patience: float = 0.0) -> Answer:
        """Queues one command, and does not wait. Commands are sent in the order of the calls.

        `patience` is the time in seconds by which a blocking command may take longer. Raises `RedisUnavailable` if the
        connection has ended.
        """
        if self._scope.cancel_called:
            raise RedisUnavailable("lost")
        answer = Answer(self._timeout + patience)
        self._waiting.append(answer)
        self._outbox.append(_pack(command))
        self._to_send.set()
        return answer

    async def call(self, *command: Argument) -> Any:
        """Sends one command and returns its answer.

        An answer that is too late ends the connection, because the answers behind it would be late too. Raises
        `RedisReplyError` and `RedisUnavailable`.
        """
        (answer,) = await self.call_all([command])
        return answer

    async def call_all(self, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        """Sends commands in one round trip and returns their answers in order. Raises as `call` does."""
        answers = [self.ask(*command) for command in commands]
        try:
            return [await answer.get() for answer in answers]
        except RedisUnavailable:
            self.close()
            raise

    async def serve(self) -> None:
        """Moves bytes until the connection ends or `close` is called. Raises only bugs and cancellation."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._send)
                    await self._receive()
        finally:
            self._scope.cancel()
            while self._waiting:
                self._waiting.popleft().be_lost()

    def close(self) -> None:
        """Ends the connection. Calls that wait raise `RedisUnavailable`. May be repeated."""
        self._scope.cancel()

    async def _send(self) -> None:
        try:
            while True:
                await self._to_send.wait()
                self._to_send = anyio.Event()
                data = b"".join(self._outbox)
                self._outbox.clear()
                await self._stream.send(data)
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._scope.cancel()

    async def _receive(self) -> None:
        try:
            while True:
                self._deliver(await self._stream.receive())
        except (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._scope.cancel()
        except _NoProtocol:
            self._scope.cancel()

    def _deliver(self, chunk: bytes) -> None:
        """Gives each answer to its command, in order. Raises `_NoProtocol` for bytes that are no such answers."""
        try:
            self._reader.feed(self._bounds.admit(chunk))
        except Unbounded:
            raise _NoProtocol from None
        while (value := self._next_value()) is not _MISSING:
            if not self._waiting:  # such as "max number of clients reached", which comes before any command
                raise _NoProtocol
            self._bounds.note_answer()
            self._waiting.popleft().arrive(value)

    def _next_value(self) -> Any:
        try:
            return self._reader.gets()
        except Exception as fault:  # on foreign bytes hiredis raises more than its own errors
            raise _NoProtocol from fault


class _NoProtocol(Exception):
    """The peer is no Redis, or answers no longer match commands."""


@asynccontextmanager
async def open_stream(server: RedisServer) -> AsyncGenerator[ByteStream]:
    """A connected stream, closed on leaving. Raises `RedisUnavailable`."""
    try:
        with anyio.fail_after(server.timeout):
            stream = await _connect(server)
    except (OSError, TimeoutError, anyio.BrokenResourceError) as fault:  # ssl.SSLError is an OSError
        raise RedisUnavailable(type(fault).__name__) from None
    try:
        yield stream
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.aclose_forcefully(stream)


async def _connect(server: RedisServer) -> ByteStream:
    if server.unix_path is not None:
        return await anyio.connect_unix(server.unix_path)
    if not server.tls:
        return await anyio.connect_tcp(server.host, server.port)
    return await anyio.connect_tcp(server.host, server.port, ssl_context=ssl.create_default_context())


def handshake(server: RedisServer) -> list[tuple[Argument, ...]]:
    """The commands that log in on a new connection and select its database."""
    commands: list[tuple[Argument, ...]] = []
    if server.password:
        commands.append(("AUTH", server.username, server.password) if server.username else ("AUTH", server.password))
    if server.db:
        commands.append(("SELECT", server.db))
    return commands
