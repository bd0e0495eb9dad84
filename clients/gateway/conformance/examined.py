"""The program under examination: JSON lines over its stdin and stdout."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from contracts.encoding import encode
from contracts.strict_json import decode_object

ANSWER_TIMEOUT = 10.0
"""Seconds that one answer may take."""
_LONGEST_LINE = 1 << 20


class Examined:
    """Made by `examined`."""

    def __init__(self, send: ByteSendStream, receive: BufferedByteReceiveStream) -> None:
        self._send = send
        self._receive = receive

    async def ask(self, question: Mapping[str, object]) -> Mapping[str, Any]:
        """One line there, one line back. Raises `TimeoutError`, and what anyio raises when the program has ended."""
        with anyio.fail_after(ANSWER_TIMEOUT):
            await self._send.send(encode(question) + b"\n")
            return decode_object(await self._receive.receive_until(b"\n", _LONGEST_LINE))


@asynccontextmanager
async def examined(command: Sequence[str]) -> AsyncGenerator[Examined]:
    """The running program, killed on leaving; what it writes to stderr is shown."""
    process: Process = await anyio.open_process(list(command), stderr=None)
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018
    try:
        yield Examined(process.stdin, BufferedByteReceiveStream(process.stdout))
    finally:
        process.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()
