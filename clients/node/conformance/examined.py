"""The program under examination, which speaks JSON lines over stdin and stdout."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from contracts.encoding import encode
from contracts.strict_json import decode_object

ANSWER_TIMEOUT = 10.0
"""The longest wait for one answer, in seconds."""
_MAX_LINE_LENGTH = 1 << 20

Answer = Mapping[str, Any]


class Program(Protocol):
    """The program as scenarios see it."""

    async def ask(self, question: Mapping[str, object]) -> Answer:
        """Sends a question and returns the answer. Raises an exception if there is none."""
        ...

    async def restart(self) -> None:
        """Kills the program with SIGKILL and starts it again."""
        ...


class Examined:
    """A running program. Only `examined` makes one."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: Process | None = None
        self._lines: BufferedByteReceiveStream | None = None

    async def ask(self, question: Mapping[str, object]) -> Answer:
        """Sends a question as one line. Raises `TimeoutError`, and anyio's error at the program's end."""
        if self._process is None:
            await self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._lines is not None
        with anyio.fail_after(ANSWER_TIMEOUT):
            await self._process.stdin.send(encode(question) + b"\n")
            return decode_object(await self._lines.receive_until(b"\n", _MAX_LINE_LENGTH))

    async def restart(self) -> None:
        await self.kill()
        await self._start()

    async def kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            with anyio.CancelScope(shield=True):
                await self._process.aclose()
            self._process = None

    async def _start(self) -> None:
        self._process = await anyio.open_process(self._command, stderr=None)
        assert self._process.stdout is not None
        self._lines = BufferedByteReceiveStream(self._process.stdout)


def no_answer(fault: Exception) -> str:
    """The sentence for a question that got no answer."""
    return f"the program ended, or gave no line of JSON ({type(fault).__name__})"


@asynccontextmanager
async def examined(command: Sequence[str]) -> AsyncGenerator[Examined]:
    """Runs the program, and kills it when the context ends. Its stderr is shown."""
    program = Examined(command)
    try:
        yield program
    finally:
        await program.kill()
