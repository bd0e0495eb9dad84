"""A gateway on `GATEWAY_ADDR` (default 127.0.0.1:8082): an active session must sign every request. Ctrl-C stops it.

With a join string it becomes a node of the control plane and takes its configuration from there.
"""

import argparse
import errno
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import trio
from hypercorn.config import Config
from hypercorn.trio import serve  # pyright: ignore[reportUnknownVariableType]

from authsession.embedded.child import StartFailure
from authsession.stack import EXAMPLE_ORIGINS
from clients.gateway.configured import ConfiguredGateway, Limits, default_within
from clients.gateway.middleware import SignedRequests
from clients.gateway.session_cache import open_session_cache
from clients.node import FolderInUse
from contracts.gateway_configuration import GatewayConfiguration
from examples.gateway.app import app
from examples.gateway.membership import Membership, open_membership
from examples.gateway.redis_login import OwnLogin
from examples.gateway.redis_of_up import NoRedis, find_redis
from examples.gateway.running_stack import find_node_api
from examples.gateway.traces import Traces

FOLDER = ".gateway-node"
BODY_BYTES = 8 << 20
"""The largest body that this gateway has memory for, unless `GATEWAY_MAX_BODY_BYTES` says another number."""
_UNUSABLE = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


class NodeRevoked(Exception):
    """The control plane revoked this node."""


async def main(membership: Membership, address: str, body_bytes: int) -> None:
    """Serves until SIGINT, SIGTERM or a revocation. An asyncio gateway does the same with `hypercorn.asyncio.serve`."""
    server, keys = find_redis()
    config = Config()
    config.bind = [address]
    config.accesslog = None
    config.errorlog = None
    stop, revoked = anyio.Event(), anyio.Event()

    async def on_revoked() -> None:
        revoked.set()
        stop.set()

    async with AsyncExitStack() as stack:
        login = OwnLogin(membership.folder)
        opening = open_session_cache(server, keys=keys, login=login.ask if membership.is_wanted else None)
        cache, limits = await stack.enter_async_context(opening), Limits(body_bytes=body_bytes)
        gateway, traces = ConfiguredGateway(cache, _first(limits), limits=limits), Traces()
        tasks = await stack.enter_async_context(anyio.create_task_group())
        tasks.start_soon(_stop_at_signal, stop)
        if membership.is_wanted:
            await stack.enter_async_context(open_membership(membership, gateway, traces, login, on_revoked))
        with anyio.move_on_after(10):
            await cache.ready()
        guarded = traces.around(SignedRequests(app, gateway))
        serving = partial(serve, guarded, config, shutdown_trigger=stop.wait)  # pyright: ignore[reportArgumentType]
        async with anyio.create_task_group() as server_task:
            await server_task.start(serving)  # returns when the port is open
            print(f"The gateway listens on http://{address} ({cache.problem() or 'ready'})", flush=True)
        tasks.cancel_scope.cancel()
    if revoked.is_set():
        raise NodeRevoked(
            f"the control plane revoked this node: the gateway has stopped. Delete {membership.folder} to join anew"
        )


def _first(limits: Limits) -> GatewayConfiguration:
    """The configuration until the control plane gives one.

    The pages of `examples.web` may call, or those of `GATEWAY_CORS_ORIGINS`, which are separated by commas.
    """
    origins = os.environ.get("GATEWAY_CORS_ORIGINS")
    return replace(default_within(limits), cors_origins=tuple(origins.split(",")) if origins else EXAMPLE_ORIGINS)


async def _stop_at_signal(stop: anyio.Event) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            stop.set()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.gateway", description=__doc__)
    parser.add_argument("--join", default=os.environ.get("GATEWAY_JOIN"), metavar="STRING",
                        help="the join string of `authsession join-token create`, used once")  # fmt: skip
    parser.add_argument("--name", default="gateway-1", help="the node's name in its pool (default gateway-1)")
    parser.add_argument("--folder", type=Path, default=Path(FOLDER), help=f"of the node's keys (default {FOLDER})")
    parser.add_argument("--control-plane", help="URL of the node API; the `make run` in this folder by default")
    return parser.parse_args()


def _sole(problem: BaseException) -> BaseException:
    """The exception inside groups of one."""
    match problem:
        case BaseExceptionGroup(exceptions=(inner,)):  # pyright: ignore[reportUnknownVariableType]
            return _sole(inner)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return problem  # pyright: ignore[reportUnknownVariableType]


def _is_of_the_address(problem: BaseException) -> bool:
    is_unusable = isinstance(problem, OSError) and problem.errno in _UNUSABLE
    return is_unusable or isinstance(problem, (socket.gaierror, OverflowError))


def _run() -> None:
    given = _arguments()
    membership = Membership(given.control_plane or find_node_api(), given.folder, given.name, given.join)
    membership.settings()
    address = os.environ.get("GATEWAY_ADDR", "127.0.0.1:8082")
    body_bytes = int(os.environ.get("GATEWAY_MAX_BODY_BYTES", str(BODY_BYTES)))
    try:
        trio.run(main, membership, address, body_bytes)
    except BaseExceptionGroup as group:
        # A task group wraps what ends it. One problem is one sentence; more are a fault of this program.
        problem = _sole(group)
        if _is_of_the_address(problem):
            raise StartFailure(f"the gateway cannot listen on {address}: set GATEWAY_ADDR to a free address") from None
        raise problem from None


if __name__ == "__main__":
    try:
        _run()
    except (NoRedis, StartFailure, NodeRevoked, FolderInUse, ValueError) as problem:
        sys.exit(str(problem))
