"""The two connections of a gateway: one follows the stream, one reads records. They start and end together.

Both must lead to the same `run_id`, so that entries and records always come from the same server.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from clients.gateway.redis_connection import (
    MISSHAPEN,
    RedisConnection,
    RedisReplyError,
    RedisUnavailable,
    handshake,
    open_stream,
)
from clients.gateway.redis_server import RedisServer

SUSPICION_PAUSE = 1.0
"""Seconds between two checks of the server behind the address."""


@dataclass(slots=True, eq=False)
class Link:
    stream: RedisConnection
    records: RedisConnection
    run_id: str
    suspected: anyio.Event = field(default_factory=anyio.Event)

    def suspect(self) -> None:
        """Asks for a check of the address: this server refuses commands, or has no keeper. Does not wait."""
        self.suspected.set()


async def while_linked(server: RedisServer, use: Callable[[Link], Awaitable[None]]) -> str:
    """Connects and calls `use` with the link until it ends. Returns the kind of fault.

    When one connection ends, the other ends too, and `use` is cancelled. Raises only bugs and cancellation.
    """
    fault = "lost"
    async with anyio.create_task_group() as tasks:
        try:
            async with _open_link(server, tasks) as link:
                await use(link)
        except RedisUnavailable as unavailable:
            fault = str(unavailable)
        except RedisReplyError as refused:
            fault = refused.code
        except MISSHAPEN:
            fault = "unexpected answer"
        tasks.cancel_scope.cancel()
    return fault


@asynccontextmanager
async def _open_link(server: RedisServer, tasks: TaskGroup) -> AsyncGenerator[Link]:
    async with AsyncExitStack() as streams:
        stream = RedisConnection(await streams.enter_async_context(open_stream(server)), server.timeout)
        records = RedisConnection(await streams.enter_async_context(open_stream(server)), server.timeout)
        tasks.start_soon(_serve, stream, tasks)
        tasks.start_soon(_serve, records, tasks)
        run_id = await _introduce(stream, server)
        if await _introduce(records, server) != run_id:
            raise RedisUnavailable("two servers")
        link = Link(stream, records, run_id)
        tasks.start_soon(_leave_when_moved, link, server)
        yield link


async def _serve(connection: RedisConnection, tasks: TaskGroup) -> None:
    await connection.serve()
    tasks.cancel_scope.cancel()


async def _leave_when_moved(link: Link, server: RedisServer) -> None:
    """Ends the link if the address now leads to another server: a failover may leave old connections open."""
    while True:
        await link.suspected.wait()
        link.suspected = anyio.Event()
        if await _run_id_at(server) not in {None, link.run_id}:
            link.records.close()
        await anyio.sleep(SUSPICION_PAUSE)


async def _run_id_at(server: RedisServer) -> str | None:
    """The `run_id` of the server that a new connection reaches; None if it reaches none."""
    run_id = None
    try:
        async with open_stream(server) as stream, anyio.create_task_group() as tasks:
            connection = RedisConnection(stream, server.timeout)
            tasks.start_soon(connection.serve)
            try:
                run_id = await _introduce(connection, server)
            except (RedisUnavailable, RedisReplyError, *MISSHAPEN):
                pass
            connection.close()
    except RedisUnavailable:
        pass
    return run_id


async def _introduce(connection: RedisConnection, server: RedisServer) -> str:
    """Logs in, and returns the `run_id` of the server. Every restart and every replica has another one."""
    *_, information = await connection.call_all([*handshake(server), ("INFO", "server")])
    for line in information.decode().splitlines():
        if line.startswith("run_id:"):
            return line.removeprefix("run_id:")
    raise RedisUnavailable("no run_id")
