"""The two connections of a gateway: one follows the stream, one reads records. They live and end together.

So what is read and what is heard is always of the same server: both must show the same `run_id`.
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
"""Seconds between two looks at where the address leads."""


@dataclass(slots=True, eq=False)
class Link:
    stream: RedisConnection
    records: RedisConnection
    run_id: str
    suspected: anyio.Event = field(default_factory=anyio.Event)

    def suspect(self) -> None:
        """It refuses, or its keeper is silent: perhaps it is no longer the server that the address leads to."""
        self.suspected.set()


async def while_linked(server: RedisServer, use: Callable[[Link], Awaitable[None]]) -> str:
    """Connect and `use` the link, until it ends; returns the kind of fault. Raises nothing but bugs and cancellation.

    When one connection ends, so does the other, and `use` is cancelled.
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
    """End the link if the address leads to another server by now: a failover may leave connections open."""
    while True:
        await link.suspected.wait()
        link.suspected = anyio.Event()
        if await _run_id_at(server) not in {None, link.run_id}:
            link.records.close()
        await anyio.sleep(SUSPICION_PAUSE)


async def _run_id_at(server: RedisServer) -> str | None:
    """Of the server that a new connection leads to; None if none comes about."""
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
    """The `run_id` of the server it leads to: other after every restart, other on every replica."""
    *_, information = await connection.call_all([*handshake(server), ("INFO", "server")])
    for line in information.decode().splitlines():
        if line.startswith("run_id:"):
            return line.removeprefix("run_id:")
    raise RedisUnavailable("no run_id")
