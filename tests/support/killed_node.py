"""A node that is killed at each of its system calls: `python -m tests.support.killed_node URL JOIN_STRING FOLDER`.

It first applies what is active, prints a line and waits for one. Then it forks a node for each system call that the
next configuration takes on the folder. Each node is killed at its call, and the folder is read as a start does. It
prints one JSON list of `[call, documents]`.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from clients.node import Configuration, NodeSettings, Timing, open_node

CALLS = ("open", "write", "fsync", "replace", "unlink")
WRITE = os.write
DEAD = "http://127.0.0.1:1"


class Killer:
    """Counts the system calls after `arm`, and kills the process at the one with the number `at`."""

    def __init__(self, at: int, told: int) -> None:
        self._left = at
        self._told = told
        self._is_armed = False
        for name in CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))

    def arm(self) -> None:
        self._is_armed = True

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            if self._is_armed:
                self._left -= 1
                if self._left < 0:
                    if name == "write":
                        WRITE(args[0], bytes(args[1])[: len(args[1]) // 2])
                    WRITE(self._told, name.encode())
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)

        return counted


async def run(settings: NodeSettings, until: int, arm: Callable[[], None]) -> list[str]:
    """Opens the node until it has applied the sequence `until`; 0 is for any. Returns its documents."""

    async def apply(configuration: Configuration) -> None:
        if configuration.manifest.position.sequence == until:
            arm()

    async with open_node(settings, apply) as node:
        with anyio.fail_after(20):
            while node.configuration is None or node.configuration.manifest.position.sequence < until:
                await anyio.sleep(0.005)
        return [content.decode() for _, content in node.configuration.documents()]


def killed_at(number: int, settings: NodeSettings) -> str:
    """The call at which the node was killed; an empty text if it has fewer calls."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        killer = Killer(number, writing)
        anyio.run(run, settings, 2, killer.arm)
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        call = told.read()
    if not call and status:
        raise RuntimeError("the node died by itself")
    return call


def main() -> None:
    url, join_string, folder = sys.argv[1:]
    base, work = Path(folder) / "base", Path(folder) / "work"
    timing = Timing(start_patience=5, first_pause=0.01, unready_pause=0.01, max_pause=0.02)

    def settings(path: Path, url: str, timing: Timing = timing) -> NodeSettings:
        return NodeSettings((url,), path, "node-1", join_string, on_notice=lambda _: None, timing=timing)

    anyio.run(run, settings(base, url), 1, lambda: None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    found: list[tuple[str, list[str]]] = []
    while not found or found[-1][0]:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(base, work)
        call = killed_at(len(found), settings(work, url))
        found.append((call, anyio.run(run, settings(work, DEAD, Timing(start_patience=0)), 0, lambda: None)))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
