"""Runs the agents of a pool: it joins as a node and gets their compiled prompts, and each agent logs in by its own key.

For each agent it opens the secrets, asks the model, registers a key that it makes itself, and signs a call to the
example gateway every second. It prints what it does, and never a secret.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

import anyio
import trio

from authsession.embedded.child import StartFailure
from clients.node import FolderInUse, NodeSettings, open_node
from examples.agent.runtime import Runtime, say
from examples.gateway.running_stack import find_node_api

SOFTWARE = "example-agent/1"
FOLDER = ".agent-node"


async def main(settings: NodeSettings, runtime: Runtime) -> None:
    """Runs until SIGINT, SIGTERM or the node's revocation."""
    async with open_node(settings, runtime.apply) as node, anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_at_signal, tasks.cancel_scope)
        await runtime.run(node)


async def _stop_at_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.agent", description=__doc__)
    parser.add_argument("--join", default=os.environ.get("AGENT_JOIN"), metavar="STRING",
                        help="the join string of `authsession join-token create`, used once")  # fmt: skip
    parser.add_argument("--name", default="runtime-1", help="the node's name in its pool (default runtime-1)")
    parser.add_argument("--folder", type=Path, default=Path(FOLDER), help=f"of the node's keys (default {FOLDER})")
    parser.add_argument("--control-plane", help="URL of the node API; the `make run` in this folder by default")
    parser.add_argument("--gateway", default=f"http://{os.environ.get('GATEWAY_ADDR', '127.0.0.1:8082')}")
    return parser.parse_args()


def _run() -> None:
    given = _arguments()
    if given.join is None and not given.folder.exists():
        raise ValueError(f"no node in {given.folder} yet: give --join what `authsession join-token create` prints")
    runtime = Runtime(given.gateway)
    settings = NodeSettings(
        control_planes=(given.control_plane or find_node_api(),),
        folder=given.folder,
        node_name=given.name,
        join_string=given.join,
        software=SOFTWARE,
        on_notice=runtime.tell,
        on_revoked=runtime.on_revoked,
    )
    trio.run(main, settings, runtime)
    say("stopped", "")


if __name__ == "__main__":
    try:
        _run()
    except (StartFailure, FolderInUse, ValueError) as problem:
        sys.exit(str(problem))
