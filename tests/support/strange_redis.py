"""A peer in Redis' place. It passes each command on to a real server, or answers as no Redis should."""

from collections import Counter
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import hiredis
import trio

from tests.support.trio_thread import on_a_trio_thread

HANDSHAKE = frozenset({b"AUTH", b"SELECT"})
_INCOMPLETE = object()
_BROKEN = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)


@dataclass(frozen=True, slots=True)
class Said:
    """The peer's answer to every command. With `closes`, the peer ends the connection after it."""

    text: bytes
    closes: bool = False


_REFUSALS = (
    "MOVED 3999 127.0.0.1:7001", "ASK 3999 127.0.0.1:7001", "CROSSSLOT Keys in request don't hash to the same slot",
    "CLUSTERDOWN The cluster is down", "TRYAGAIN Multiple keys request during rehashing of slot",
    "WRONGTYPE Operation against a key holding the wrong kind of value", "NOSCRIPT No matching script",
    "DENIED Redis is running in protected mode",
    "NOPERM this user has no permissions", "NOAUTH Authentication required",
    "READONLY You can't write against a read only replica.", "MASTERDOWN Link with MASTER is down",
    "UNBLOCKED force unblock from blocking operation, instance state changed", "LOADING Redis is loading the dataset",
    "NOREPLICAS Not enough good replicas to write.", "MISCONF Redis is configured to save RDB snapshots",
    "OOM command not allowed when used memory > 'maxmemory'.", "BUSY Redis is busy running a script",
    "EXECABORT Transaction discarded", "NOPROTO unsupported protocol version", "INPROG Failover already in progress",
    "ERR max daily request limit exceeded", "ERR unknown command", "ERR max number of clients reached",
    "ERR Protocol error: unauthenticated multibulk length", "ERR user_script:1: attempt to compare nil with number",
    "upstream failure", "anna@example.com may not", "", "E" * 100_000,
)  # fmt: skip

STRANGE: Mapping[str, Said] = {
    **{f"refusal {text[:40]!r}": Said(b"-%b\r\n" % text.encode()) for text in _REFUSALS},
    "refusal that is no UTF-8": Said(b"-\xff\xfe\x00\r\n"),
    "simple string": Said(b"+QUEUED\r\n"),
    "null": Said(b"$-1\r\n"),
    "null array": Said(b"*-1\r\n"),
    "negative number": Said(b":-7\r\n"),
    "large number": Said(b":9223372036854775807\r\n"),
    "empty text": Said(b"$0\r\n\r\n"),
    "text": Said(b"$5\r\nhello\r\n"),
    "text that is no UTF-8": Said(b"$3\r\n\xff\xfe\x00\r\n"),
    "empty array": Said(b"*0\r\n"),
    "array of three": Said(b"*3\r\n:1\r\n$1\r\na\r\n$-1\r\n"),
    "array of numbers": Said(b"*2\r\n:9223372036854775807\r\n:9223372036854775807\r\n"),
    "array of refusals": Said(b"*2\r\n-ERR one\r\n-ERR two\r\n"),
    "array of arrays": Said(b"*2\r\n*1\r\n:1\r\n*0\r\n"),
    "map": Said(b"%1\r\n+epoch\r\n+x\r\n"),
    "map with a key that no dict takes": Said(b"%1\r\n*1\r\n:1\r\n+x\r\n"),
    "set": Said(b"~2\r\n+a\r\n+b\r\n"),
    "set of arrays": Said(b"~1\r\n*1\r\n:1\r\n"),
    "null of RESP3": Said(b"_\r\n"),
    "boolean": Said(b"#t\r\n"),
    "not a number": Said(b",nan\r\n"),
    "big number": Said(b"(3492890328409238509324850943850943825024385\r\n"),
    "verbatim text": Said(b"=15\r\ntxt:Some string\r\n"),
    "push": Said(b">2\r\n+invalidate\r\n+a\r\n"),
    "HTTP": Said(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
    "TLS alert": Said(b"\x15\x03\x01\x00\x02\x02\x28"),
    "SSH": Said(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "zeros": Said(bytes(1000)),
    "number without digits": Said(b":x\r\n"),
    "endless text": Said(b"$99999999999999999999\r\nabc"),
    "endless array": Said(b"*2147483647\r\n"),
    "deep array": Said(b"*1\r\n" * 100),
    "two answers": Said(b"+OK\r\n+OK\r\n"),
    "half a text": Said(b"$100\r\nabc"),
    "half an array": Said(b"*2\r\n$1\r\na\r\n"),
    "half a line": Said(b"+OK"),
    "silence": Said(b""),
    "closed": Said(b"", closes=True),
    "closed within a text": Said(b"$100\r\nabc", closes=True),
}
"""The strange answers by name. The client waits its whole timeout for a half answer and for silence; the others come at
once.
"""
SLOW = frozenset(
    name
    for name, said in STRANGE.items()
    if not said.closes and name.startswith(("half", "silence", "endless text", "deep"))
)


class StrangeRedis:
    """Listens on `port` of the loopback address. Any thread may set `target` or call `say` at any moment."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.target = target
        """The port of the real server for new connections."""
        self.met: Counter[str] = Counter()
        """The number of commands of each user that were answered strangely since the last `say`."""
        self._said: Said | None = None
        self._spared: Collection[bytes] = ()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def say(self, said: Said | None, *, spared: Collection[bytes] = HANDSHAKE) -> None:
        """Sets the answer to every command from now on, except the `spared` ones. None passes all commands on."""
        self._spared = spared
        self._said = said
        self.met = Counter()

    async def serve(self, task_status: trio.TaskStatus["StrangeRedis"]) -> None:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._connect, 0, host="127.0.0.1"))
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started(self)

    async def _connect(self, client: trio.SocketStream) -> None:
        try:
            async with client, await trio.open_tcp_stream("127.0.0.1", self.target) as server:
                await self._answer_all(client, server)
        except _BROKEN:
            pass

    async def _answer_all(self, client: trio.SocketStream, server: trio.SocketStream) -> None:
        user, commands = "default", hiredis.Reader(notEnoughData=_INCOMPLETE)
        async for piece in client:
            commands.feed(bytes(piece))
            while (command := commands.gets()) is not _INCOMPLETE:
                words = cast("list[bytes]", command)
                if words[0] == b"AUTH" and len(words) > 2:
                    user = words[1].decode()
                if not await self._answer(words, user, client, server):
                    return

    async def _answer(
        self, command: list[bytes], user: str, client: trio.SocketStream, server: trio.SocketStream
    ) -> bool:
        """Answers a command. Returns whether the connection is still open."""
        said = self._said
        if said is None or command[0] in self._spared:
            await client.send_all(await _ask(server, command))
            return True
        self.met[user] += 1
        await client.send_all(said.text)
        return not said.closes


async def _ask(server: trio.SocketStream, command: list[bytes]) -> bytes:
    """The real server's answer, byte for byte."""
    await server.send_all(cast("Any", hiredis.pack_command)(tuple(command)))
    reader, answer = hiredis.Reader(notEnoughData=_INCOMPLETE), bytearray()
    while reader.gets() is _INCOMPLETE:
        piece = await server.receive_some()
        if not piece:
            raise trio.BrokenResourceError
        answer += piece
        reader.feed(bytes(piece))
    return bytes(answer)


@contextmanager
def strange_redis(target: int) -> Generator[StrangeRedis]:
    """A running peer in front of the server at that port of the loopback address."""
    with on_a_trio_thread(StrangeRedis(target).serve) as peer:
        yield peer
