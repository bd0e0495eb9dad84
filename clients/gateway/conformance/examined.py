"""The program under examination, which speaks JSON lines over stdin and stdout."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.abc import ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from contracts.encoding import encode
from contracts.strict_json import decode_object

ANSWER_TIMEOUT = 10.0
"""The longest wait for one answer, in seconds."""
_MAX_LINE_LENGTH = 1 << 20


class Examined:
    """A running program. Only `examined` makes one."""

    def __init__(self, send: ByteSendStream, receive: BufferedByteReceiveStream) -> None:
        self._send = send
        self._receive = receive

    async def ask(self, question: Mapping[str, object]) -> Mapping[str, Any]:
        """Sends a question as one line and returns the answer. Raises `TimeoutError`, and anyio's error at its end."""
        with anyio.fail_after(ANSWER_TIMEOUT):
            await self._send.send(encode(question) + b"\n")
            return decode_object(await self._receive.receive_until(b"\n", _MAX_LINE_LENGTH))


def no_answer(fault: Exception) -> str:
    """The sentence for a question that got no answer."""
    return f"the program ended, or gave no line of JSON ({type(fault).__name__})"


@asynccontextmanager
async def examined(command: Sequence[str]) -> AsyncGenerator[Examined]:
    """Runs the program, and kills it when the context ends. Its stderr is shown."""
    process: Process = await anyio.open_process(list(command), stderr=None)
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018
    try:
        yield Examined(process.stdin, BufferedByteReceiveStream(process.stdout))
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()
