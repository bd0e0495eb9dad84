"""Counts the round trips to Postgres, statement by statement: a proxy that reads the frontend's side of the protocol.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager


class StatementCounter:
    """Listens on a free loopback port, forwards to the server, counts executions by the names in their comments."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.executed: Counter[str] = Counter()

    @contextmanager
    def running(self) -> Generator[int]:
        """The port it listens on, in a thread of its own."""
        port: Future[int] = Future()
        stopped = asyncio.Event()
        loop = asyncio.SelectorEventLoop()  # not the policy's: trio-asyncio, once imported, has one of its own

        async def serve() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            port.set_result(server.sockets[0].getsockname()[1])
            await stopped.wait()
            server.close()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        yield port.result(10)
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        backwards = asyncio.create_task(_copy(server_reader, writer))
        try:
            await self._forward(reader, server_writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            backwards.cancel()
            server_writer.close()
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        length = await reader.readexactly(4)  # the startup message alone has no type
        server.write(length + await reader.readexactly(int.from_bytes(length) - 4))
        names: dict[bytes, str] = {}
        pending: str | None = None
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            server.write(head + body)
            kind = head[:1]
            if kind == b"P":
                statement, sql = body.split(b"\0", 2)[:2]
                names[statement] = _name(sql.decode())
                pending = f"prepare {names[statement]}"
            elif kind == b"B":
                pending = names.get(body.split(b"\0", 2)[1], "?")
            elif kind == b"Q":
                self.executed[_name(body[:-1].decode())] += 1
            elif kind == b"S":
                self.executed[pending or "sync"] += 1
                pending = None


def _name(sql: str) -> str:
    return sql.removeprefix("-- ").split("\n", 1)[0][:60]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
