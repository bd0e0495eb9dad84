"""The means of a scenario: a control plane, the program, and waiting for what must become true."""

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from clients.node.conformance.control_plane import ControlPlane, Head
from clients.node.conformance.examined import Program
from clients.node.conformance.loopback import Answered, Asked
from clients.node.machine import steady_clock
from contracts.node.status import Status

BECOMES_WITHIN = 5.0
"""The default time in which a node must get something right, in seconds."""
HOLDS_FOR = 0.3
"""Seconds for which a node must not do what it must never do."""


class Broken(Exception):
    """The program did something wrong."""


@dataclass(slots=True)
class Stage:
    """One scenario that is being played. `folder` is the node's, and empty at first."""

    program: Program
    control_plane: ControlPlane
    folder: Path
    within: float = BECOMES_WITHIN
    urls: tuple[str, ...] = ()
    opened: dict[str, object] = field(default_factory=dict[str, object])

    async def open(self) -> None:
        """Lets the program open a node of the control plane."""
        question = {
            "ask": "open",
            "control_planes": list(self.urls or (self.control_plane.server.url,)),
            "folder": str(self.folder),
            "node_name": "node-1",
            "join_string": self.control_plane.join_string,
            "pause_ms": 20,
            "start_patience_ms": 300,
            "answer_timeout_ms": 2000,
            "poll_wait": 5,
            **self.opened,
        }
        await self.program.ask(question)

    async def restart(self) -> None:
        """Kills the program and lets it open the same node again."""
        await self.program.restart()
        await self.open()

    async def state(self) -> Mapping[str, Any]:
        return await self.program.ask({"ask": "state"})

    async def serves(self, head: Head) -> None:
        """The program comes to use exactly this configuration."""
        await self.becomes(lambda state: _is(state, head), f"use the configuration {tuple(head.position)}")

    async def keeps(self, head: Head, seconds: float = HOLDS_FOR) -> None:
        """The program uses exactly this configuration, all the time."""
        until = steady_clock() + seconds
        while steady_clock() < until:
            state = await self.state()
            if not _is(state, head):
                raise Broken(f"uses {state['position']}, not {list(head.position)}")
            await anyio.sleep(0.02)

    async def is_never_ready(self, seconds: float = HOLDS_FOR) -> None:
        until = steady_clock() + seconds
        while steady_clock() < until:
            if (await self.state())["is_ready"]:
                raise Broken("is ready without a configuration that it may use")
            await anyio.sleep(0.02)

    async def becomes(self, holds: Callable[[Mapping[str, Any]], bool], what: str) -> None:
        deadline = steady_clock() + self.within
        while not holds(state := await self.state()):
            if steady_clock() > deadline:
                raise Broken(f"did not {what}: {_short(state)}")
            await anyio.sleep(0.02)

    async def distrusts(self, why: str) -> None:
        """The program tells that it refused an answer, and the reason."""
        await self.becomes(lambda state: why in state["distrusted"], f"refuse an answer as {why}")

    async def happens(self, holds: Callable[[], object], what: str) -> None:
        """The control plane comes to see something."""
        deadline = steady_clock() + self.within
        while not holds():
            if steady_clock() > deadline:
                raise Broken(f"did not {what}")
            await anyio.sleep(0.01)

    async def reports(self, holds: Callable[[Status], object], what: str) -> Status:
        """The program reports a status like this one."""
        await self.happens(lambda: any(holds(each) for each in self.control_plane.statuses), f"report {what}")
        return next(each for each in reversed(self.control_plane.statuses) if holds(each))

    def lie(self, path: str, lie: Callable[[Asked, Answered], Answered], times: float = math.inf) -> None:
        """Answers requests of paths that begin so with `lie` of the honest answer, so many times."""
        left = [times]

        def answer(asked: Asked, honest: Answered) -> Answered:
            if not asked.path.startswith(path) or left[0] <= 0:
                return honest
            left[0] -= 1
            return lie(asked, honest)

        self.control_plane.answer_instead = answer

    def be_honest(self) -> None:
        self.control_plane.answer_instead = None


def _is(state: Mapping[str, Any], head: Head) -> bool:
    contents = {base64.b64decode(content) for content in state["documents"].values()}
    return state["is_ready"] and state["position"] == list(head.position) and contents == set(head.contents.values())


def _short(state: Mapping[str, Any]) -> str:
    return f"ready {state['is_ready']}, position {state['position']}, refused {sorted(set(state['distrusted']))}"
