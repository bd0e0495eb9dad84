"""A peer in Postgres' place, at the wire. It passes messages on to a real server, or answers queries as a test says."""

import struct
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import trio

from tests.support.trio_thread import on_a_trio_thread

_BROKEN = (OSError, trio.BrokenResourceError, trio.BusyResourceError, trio.ClosedResourceError)
_READY = b"Z\x00\x00\x00\x05I"
_SSL_REQUEST = 80877103


@dataclass(frozen=True, slots=True)
class Said:
    """The peer's answer to every query. With `closes`, the peer ends the connection after it."""

    text: bytes
    closes: bool = False


def error(state: str, *, is_ready: bool = True, message: str = "no") -> Said:
    """An ErrorResponse with the given SQLSTATE."""
    fields = b"".join(kind + text.encode() + b"\0" for kind, text in _fields(state, message)) + b"\0"
    return Said(_message(b"E", fields) + (_READY if is_ready else b""))


def _fields(state: str, message: str) -> list[tuple[bytes, str]]:
    return [(b"S", "ERROR"), (b"V", "ERROR"), (b"C", state), (b"M", message)]


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


_STATES = (
    "26000", "34000", "42P05", "08P01", "0A000", "XX000", "XX001", "F0000", "HV000", "P0001", "P0002", "P0004", "42601",
    "42P18", "42804", "25P02", "25001", "25006", "25P01", "53100", "53200", "53300", "54000", "55000", "55P03", "57014",
    "57P01", "57P02", "57P03", "58030", "58P01", "40001", "40P01", "28000", "3D000", "72000", "01000", "99999", "ABCDE",
    "0B000", "0L000", "21000", "24000", "2D000", "44000",
)  # fmt: skip

STRANGE: Mapping[str, Said] = {
    **{f"error {state}": error(state) for state in _STATES},
    "error of no state": error(""),
    "error of a state that is no state": error("x\xffy"),
    "error without its end": error("XX000", is_ready=False),
    "error without fields": Said(_message(b"E", b"\0") + _READY),
    "error that is cut": Said(b"E\x00\x00\x00\x20S"),
    "complete": Said(_message(b"C", b"SELECT 1\0") + _READY),
    "ready at once": Said(_READY),
    "parse complete for ever": Said(_message(b"1", b"") * 5),
    "row before its description": Said(_message(b"D", b"\x00\x01\x00\x00\x00\x01x") + _READY),
    "row of another length": Said(_message(b"D", b"\x00\x07") + _READY),
    "unknown message": Said(_message(b"?", b"what")),
    "length below zero": Said(b"E\xff\xff\xff\xff"),
    "length of nothing": Said(b"Z\x00\x00\x00\x00"),
    "HTTP": Said(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
    "noise": Said(bytes(range(128, 256)) * 8),
    "closed": Said(b"", closes=True),
    "closed within a message": Said(b"E\x00\x00\x00\x20S", closes=True),
    "silence": Said(b""),
}
"""The strange answers by name."""
AT_START = [
    "error 26000", "error 0A000", "error 53300", "error 01000", "error 99999", "error of no state",
    "error without its end",
    "error without fields", "error that is cut", "complete", "unknown message", "length below zero",
    "length of nothing", "HTTP", "noise", "closed", "closed within a message", "silence",
]  # fmt: skip
"""Answers that a new connection may meet too. (`ready at once` is not among them: after it asyncpg leaves its socket to
be collected.)
"""


class StrangePostgres:
    """Listens on `port` of the loopback address. Any thread may call `say` at any moment.

    Queries on a started connection meet the answer that `say` set. With `also_starts`, a new connection meets it too.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._said: Said | None = None
        self._also_starts = False
        self.met = 0
        """The number of query pieces that were answered strangely since the last `say`."""

    def say(self, said: Said | None, *, also_starts: bool = False) -> None:
        self._also_starts = also_starts
        self._said = said
        self.met = 0

    async def serve(self, task_status: trio.TaskStatus["StrangePostgres"]) -> None:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._connect, 0, host="127.0.0.1"))
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started(self)

    async def _connect(self, client: trio.SocketStream) -> None:
        try:
            async with client, await trio.open_tcp_stream("127.0.0.1", self._target) as server:
                has_started = False
                async with trio.open_nursery() as both:

                    async def answer() -> None:
                        nonlocal has_started
                        async for piece in server:
                            if self._said is None or not has_started:
                                await client.send_all(piece)
                            has_started = has_started or piece.endswith(_READY)
                        both.cancel_scope.cancel()

                    both.start_soon(answer)
                    async for piece in client:
                        if (said := self._said) is not None and (has_started or self._also_starts):
                            self.met += 1
                            await client.send_all(said.text)
                            if said.closes:
                                break
                        else:
                            await server.send_all(piece)
                    both.cancel_scope.cancel()
        except* _BROKEN:
            pass


@contextmanager
def strange_postgres(target: int) -> Generator[StrangePostgres]:
    """A running peer in front of the server at that port of the loopback address."""
    with on_a_trio_thread(StrangePostgres(target).serve) as peer:
        yield peer
