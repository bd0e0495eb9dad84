"""A connection to Redis. hiredis speaks the protocol (RESP2), and trio moves the bytes.

Redis answers in order, so the calls of many tasks share the connection and its round trips.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
import trio

from contracts.reply_bounds import ReplyBounds, Unbounded

Argument = str | bytes | int | float

# The stub of hiredis says tuple[X], which is one element, but means any number.
_pack = cast(Callable[[tuple[Argument, ...]], bytes], hiredis.pack_command)
_INCOMPLETE = object()
_CODE = re.compile(r"(?:ERR Error running script .{1,300}: -)?([A-Z]{2,20})(?: |$)", re.DOTALL)


class RedisReplyError(Exception):
    """Redis answered with an error. Its text may quote keys and arguments, so never log it."""

    @property
    def code(self) -> str:
        """The code of the error, such as NOSCRIPT; `error` if the first word is none and might be a key or a user.

        Redis before version 7 wraps the error of a command in a script; the code is that of the command.
        """
        found = _CODE.match(str(self))
        return "error" if found is None else found[1]


class _Answer:
    """The answer that a caller waits for. `value` stays `_INCOMPLETE` if the connection ends first."""

    __slots__ = ("arrived", "value")

    def __init__(self) -> None:
        self.arrived = trio.Event()
        self.value: Any = _INCOMPLETE


class RedisConnection:
    """Carries calls while `serve` runs. A closed connection stays closed."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._reader = hiredis.Reader(replyError=RedisReplyError, notEnoughData=_INCOMPLETE)
        self._bounds = ReplyBounds()
        self._waiting: deque[_Answer] = deque()
        self._outbox: list[bytes] = []
        self._is_sending = False
        self._is_retired = False
        self._serving = trio.CancelScope(shield=True)  # calls of other tasks go on if the opening task is cancelled

        self.opened_at = trio.current_time()

    @property
    def is_open(self) -> bool:
        """Whether the connection takes calls."""
        return not self._serving.cancel_called and not self._is_retired

    async def call(self, *command: Argument) -> Any:
        """Send a command and return its answer, which may be a `RedisReplyError`.

        Raises `OSError` if the connection ends first; the command may have been executed. A cancelled call closes the
        connection, because the answers after the missing one would be just as late.
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
        return answer.value

    async def serve(self) -> None:
        """Hand out answers until the connection ends or `close` is called. Faults of the connection are not raised."""
        try:
            with self._serving:
                while chunk := await self._stream.receive_some():
                    self._receive(bytes(chunk))
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, _NoProtocol):
            pass  # the waiting calls report it
        finally:
            self.close()
            while self._waiting:
                self._waiting.popleft().arrived.set()
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(self._stream)

    def retire(self) -> None:
        """Take no further calls, and close once the waiting ones have their answers."""
        self._is_retired = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Close the connection. Waiting calls raise `OSError`. A repeat does nothing."""
        self._serving.cancel()

    async def _flush(self) -> None:
        """Send the queued commands, also those that are queued meanwhile."""
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

    def _receive(self, chunk: bytes) -> None:
        """Read answers and wake their callers. Raises `_NoProtocol` unless there is one answer for each command."""
        if not self._waiting:  # such as "max number of clients reached", sent before any command
            raise _NoProtocol
        try:
            self._reader.feed(self._bounds.admit(chunk))
        except Unbounded:
            raise _NoProtocol from None
        while (value := self._next_value()) is not _INCOMPLETE:
            if not self._waiting:
                raise _NoProtocol
            self._bounds.note_answer()
            answer = self._waiting.popleft()
            answer.value = value
            answer.arrived.set()
        if self._is_retired and not self._waiting:
            self.close()

    def _next_value(self) -> Any:
        try:
            return self._reader.gets()
        except Exception as fault:  # other bytes than RESP make hiredis raise more than its own errors
            raise _NoProtocol from fault


class _NoProtocol(Exception):
    """The bytes are not RESP, or answer no command. No later answer can be trusted."""
