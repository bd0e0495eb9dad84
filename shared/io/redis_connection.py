"""One connection to Redis: hiredis speaks the protocol (RESP2), trio moves the bytes.

Redis answers in order, so the calls of many tasks share the connection, and round trips, by themselves. This room knows
no command.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
import trio

Argument = str | bytes | int | float

# hiredis' stub says tuple[X], one element, and means any number.
_pack = cast(Callable[[tuple[Argument, ...]], bytes], hiredis.pack_command)
_INCOMPLETE = object()
_WITHIN_SCRIPT = re.compile(r"ERR Error running script .*: -([A-Z]+) ", re.DOTALL)


class RedisReplyError(Exception):
    """Redis answered with an error: its text, which may quote keys and arguments (never log it)."""

    @property
    def code(self) -> str:
        """The first word, such as NOSCRIPT or ERR; before Redis 7, what a command within a script said is wrapped."""
        wrapped = _WITHIN_SCRIPT.match(str(self))
        return str(self).partition(" ")[0] if wrapped is None else wrapped[1]


class _Answer:
    """What one caller waits for; `value` stays `_INCOMPLETE` if the connection ended first."""

    __slots__ = ("arrived", "value")

    def __init__(self) -> None:
        self.arrived = trio.Event()
        self.value: Any = _INCOMPLETE


class RedisConnection:
    """Carries calls while `serve` runs. Once closed it stays closed."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._reader = hiredis.Reader(replyError=RedisReplyError, notEnoughData=_INCOMPLETE)
        self._waiting: deque[_Answer] = deque()
        self._outbox: list[bytes] = []
        self._is_sending = False
        self._serving = trio.CancelScope(shield=True)  # others' calls go on when whoever opened it is cancelled

    @property
    def is_open(self) -> bool:
        return not self._serving.cancel_called

    async def call(self, *command: Argument) -> Any:
        """Send one command and return its answer.

        Raises `RedisReplyError`, and `OSError` when the connection ends first: the command may have been executed.
        A cancelled call closes the connection: the answers behind the missing one would be as late.
        """
        if not self.is_open:
            raise ConnectionResetError("closed")
        answer = _Answer()
        self._waiting.append(answer)
        self._outbox.append(_pack(command))
        try:
            await self._flush()
            await answer.arrived.wait()
        except BaseException:
            self.close()
            raise
        if answer.value is _INCOMPLETE:
            raise ConnectionResetError("lost")
        if isinstance(answer.value, RedisReplyError):
            raise answer.value
        return answer.value

    async def serve(self) -> None:
        """Hand out answers until the connection ends, or `close` is called. Raises nothing but bugs."""
        try:
            with self._serving:
                while chunk := await self._stream.receive_some():
                    self._reader.feed(bytes(chunk))
                    self._deliver()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, hiredis.HiredisError):
            pass  # whoever waits hears of it
        finally:
            self.close()
            while self._waiting:
                self._waiting.popleft().arrived.set()
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(self._stream)

    def close(self) -> None:
        """End the connection; waiting calls raise `OSError`. May be repeated."""
        self._serving.cancel()

    async def _flush(self) -> None:
        """Send what was queued, by us and by those who come while we send."""
        if self._is_sending:
            return
        self._is_sending = True
        try:
            while self._outbox:
                data = b"".join(self._outbox)
                self._outbox.clear()
                await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as fault:
            raise ConnectionResetError("lost") from fault
        finally:
            self._is_sending = False

    def _deliver(self) -> None:
        while (value := self._reader.gets()) is not _INCOMPLETE:
            if not self._waiting:  # such as "max number of clients reached", said before we asked anything
                raise hiredis.ProtocolError("an answer that nobody waits for")
            answer = self._waiting.popleft()
            answer.value = value
            answer.arrived.set()
