"""A `World`: one thread that runs trio, the asyncio loop and the pools, for synchronous tests and state machines.

pytest-trio's async fixtures do not work under `@given`. So Hypothesis tests are synchronous, and call into a world.
"""

import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

import trio

from authsession.embedded.redis import EmbeddedRedis
from shared.io import aio
from shared.io.postgres import Postgres, open_postgres
from shared.io.redis import Redis, open_redis
from tests.support.database import Database

P = ParamSpec("P")
T = TypeVar("T")
CALL_TIMEOUT = 120.0

Job = tuple[Callable[[], Awaitable[Any]], "Future[Any]"]


class World:
    """Pools of every role on one database. Any thread can run trio functions over them.

    `owner`, `public` and `internal` are each a `Postgres` of that role. `redis` is a client with all rights.
    `world.enter(open_…, …)` adds resources.
    """

    owner: Postgres
    public: Postgres
    internal: Postgres
    redis: Redis

    def __init__(self, database: Database, redis_server: EmbeddedRedis) -> None:
        self.database = database
        self.redis_server = redis_server
        self._send, self._receive = trio.open_memory_channel[Job](1000)
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=trio.run, args=(self._run,), name="world", daemon=True)

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs the trio function in the world's thread. Its result or exception comes back to the caller.

        Calls from several threads run concurrently.
        """
        answer: Future[T] = Future()
        self._token.run_sync_soon(self._send.send_nowait, (lambda: function(*args, **kwargs), answer))
        return answer.result(CALL_TIMEOUT)

    def enter(self, open_resource: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Any:
        """Enters an async context manager, which is left when the world ends."""

        async def enter() -> Any:
            return await self._resources.enter_async_context(open_resource(*args, **kwargs))

        return self.call(enter)

    def travel(self, by: timedelta) -> None:
        """Moves the deciding clock (SQL `clock_now()`) forward, for every role and every connection from now on."""
        self.database.travel(by)

        async def renew() -> None:
            for postgres in (self.owner, self.public, self.internal):
                postgres._cut_idle()  # the offset holds for connections that open from now on

        self.call(aio.call, renew)

    def start(self) -> None:
        """Returns when the pools are open."""
        self._thread.start()
        self._started.result(CALL_TIMEOUT)

    def stop(self) -> None:
        """Closes the resources and ends the thread."""
        self._token.run_sync_soon(self._send.close)
        self._thread.join(CALL_TIMEOUT)

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with aio.open_loop(), AsyncExitStack() as self._resources, self._receive:
            try:
                await self._open()
            except BaseException as fault:
                self._started.set_exception(fault)
                raise
            self._started.set_result(None)
            async with trio.open_nursery() as nursery:
                async for job in self._receive:
                    nursery.start_soon(_perform, *job)

    async def _open(self) -> None:
        async def pool(dsn: str) -> Postgres:
            return await self._resources.enter_async_context(open_postgres(dsn, application_name="test", pool_size=10))

        self.owner = await pool(self.database.owner_dsn)
        self.public = await pool(self.database.public_dsn)
        self.internal = await pool(self.database.internal_dsn)
        self.redis = await self._resources.enter_async_context(open_redis(self.redis_server.address))


async def _perform(function: Callable[[], Awaitable[T]], answer: "Future[T]") -> None:
    try:
        answer.set_result(await function())
    except trio.Cancelled:
        answer.cancel()
        raise
    except BaseException as fault:  # noqa: BLE001 - every exception belongs to the test that called
        answer.set_exception(fault)


@contextmanager
def open_world(database: Database, redis_server: EmbeddedRedis) -> Generator[World]:
    """A running world, stopped afterwards."""
    world = World(database, redis_server)
    world.start()
    try:
        yield world
    finally:
        world.stop()
