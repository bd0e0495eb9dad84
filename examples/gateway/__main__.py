"""A gateway on `GATEWAY_ADDR` (default 127.0.0.1:8082): an active session must sign every request. Ctrl-C stops it."""

import os
import signal
import sys

import anyio
import trio
from hypercorn.config import Config
from hypercorn.trio import serve  # pyright: ignore[reportUnknownVariableType]

from authsession.embedded.child import StartFailure
from clients.gateway.middleware import SignedRequests
from clients.gateway.modes import FailClosed
from clients.gateway.replay import ReplayGuard
from clients.gateway.request_check import WINDOW, RequestCheck, replay_life
from clients.gateway.session_cache import open_session_cache
from examples.gateway.app import app
from examples.gateway.redis_of_up import NoRedis, find_redis


async def main() -> None:
    """Serves until SIGINT or SIGTERM. An asyncio gateway does the same with `hypercorn.asyncio.serve`."""
    server, keys = find_redis()
    config = Config()
    config.bind = [os.environ.get("GATEWAY_ADDR", "127.0.0.1:8082")]
    config.accesslog = None
    config.errorlog = None
    async with open_session_cache(server, keys=keys, mode=FailClosed()) as cache:
        check = RequestCheck(cache, ReplayGuard(cache, replay_life(WINDOW)), window=WINDOW)
        with anyio.move_on_after(10):
            await cache.ready()
        print(f"The gateway listens on http://{config.bind[0]} ({cache.problem() or 'ready'})", flush=True)
        await serve(SignedRequests(app, check), config, shutdown_trigger=_signalled)  # pyright: ignore[reportArgumentType]


async def _signalled() -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return


if __name__ == "__main__":
    try:
        trio.run(main)
    except (NoRedis, StartFailure) as problem:
        sys.exit(str(problem))
