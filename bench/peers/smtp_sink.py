"""A mail server for the bench: accepts each letter over SMTP and sends address and code to the bench as a datagram.

It has its own process, so that its CPU counts for no system: `python -m bench.peers.smtp_sink SINK_PORT SMTP_PORT`.
"""

import asyncio
import re
import signal
import socket
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress

from authsession.embedded.child import Child, free_port

_CODE = re.compile(rb"^Subject: [^\r\n]*?([0-9]{6})", re.MULTILINE)
_END_OF_LETTER = b"\r\n.\r\n"
_ANSWERS = {b"EHLO": b"250 sink\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


class _Connection(asyncio.Protocol):
    """One command is answered at a time, as SMTP without pipelining has it."""

    def __init__(self, bench: socket.socket) -> None:
        self._bench = bench
        self._received = b""
        self._recipient = b""
        self._in_letter = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = _END_OF_LETTER if self._in_letter else b"\r\n"
        if self._received.endswith(end):
            received, self._received = self._received, b""
            self._transport.write(self._took(received) if self._in_letter else self._answer(received))

    def _answer(self, command: bytes) -> bytes:
        verb = command[:4].upper()
        self._in_letter = verb == b"DATA"
        if verb == b"RCPT":
            self._recipient = command.partition(b"<")[2].partition(b">")[0]
        return _ANSWERS.get(verb, b"250 ok\r\n")

    def _took(self, letter: bytes) -> bytes:
        self._in_letter = False
        found = _CODE.search(letter)
        self._bench.send(self._recipient + b"\n" + (found[1] if found else b""))
        return b"250 taken\r\n"


async def _serve(sink_port: int, port: int) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as bench:
        bench.connect(("127.0.0.1", sink_port))
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(bench), "127.0.0.1", port)
        await server.serve_forever()


@contextmanager
def running_smtp_sink(sink_port: int) -> Generator[int]:
    """The port of a running one."""
    port = free_port()
    command = [sys.executable, "-m", "bench.peers.smtp_sink", str(sink_port), str(port)]
    child = Child(command, dies_by=signal.SIGKILL)
    try:
        _wait_for(port)
        yield port
    finally:
        child.kill()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("the mail server of the bench does not listen")


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
