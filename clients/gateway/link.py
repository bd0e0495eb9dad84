"""The two connections of a gateway: one follows the stream, one reads records. They live and end together.

So what is read and what is heard is always of the same server: both must show the same `run_id`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup

from clients.gateway.redis_connection import (
    RedisConnection,
    RedisReplyError,
    RedisUnavailable,
    handshake,
    open_stream,
)
from clients.gateway.redis_server import RedisServer


@dataclass(frozen=True, slots=True)
class Link:
    stream: RedisConnection
    records: RedisConnection
    run_id: str


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
        yield Link(stream, records, run_id)


async def _serve(connection: RedisConnection, tasks: TaskGroup) -> None:
    await connection.serve()
    tasks.cancel_scope.cancel()


async def _introduce(connection: RedisConnection, server: RedisServer) -> str:
    """The `run_id` of the server it leads to: other after every restart, other on every replica."""
    *_, information = await connection.call_all([*handshake(server), ("INFO", "server")])
    for line in information.decode().splitlines():
        if line.startswith("run_id:"):
            return line.removeprefix("run_id:")
    raise RedisUnavailable("no run_id")
