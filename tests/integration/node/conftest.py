"""A control plane on loopback, and nodes of it."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

import pytest
import trio

from clients.node import Configuration, Node, NodeSettings, Notice, Timing, open_node
from clients.node.conformance.control_plane import ControlPlane
from clients.node.machine import Clock, wall_clock

QUICK = Timing(
    start_patience=0.3,
    first_pause=0.02,
    max_pause=0.1,
    unready_pause=0.05,
    poll_wait=5,
    answer_timeout=2.0,
    status_every=5.0,
)
Notified = TypeVar("Notified", bound=Notice)


@dataclass(slots=True)
class Watched:
    """A node with what it told. `applied` are the positions that `apply` was called with."""

    notices: list[Notice] = field(default_factory=list[Notice])
    applied: list[Configuration] = field(default_factory=list[Configuration])
    node: Node = field(init=False)

    def told(self, kind: type[Notified]) -> list[Notified]:
        return [notice for notice in self.notices if isinstance(notice, kind)]

    def contents(self) -> list[bytes]:
        """The documents in use, in order."""
        configuration = self.node.configuration
        return [] if configuration is None else [content for _, content in configuration.documents()]


@pytest.fixture
def control_plane() -> Iterator[ControlPlane]:
    control_plane = ControlPlane()
    control_plane.server.start()
    yield control_plane
    control_plane.server.stop()


@pytest.fixture
def settings(control_plane: ControlPlane, tmp_path: Path) -> NodeSettings:
    return NodeSettings(
        control_planes=(control_plane.server.url,),
        folder=tmp_path / "node",
        node_name="gateway-1",
        join_string=control_plane.join_string,
        timing=QUICK,
    )


OpenNode: TypeAlias = Callable[..., AbstractAsyncContextManager[Watched]]


@pytest.fixture
def opened() -> OpenNode:
    """Opens a node; `apply` may raise, and the clock may be wrong."""

    @asynccontextmanager
    async def opened(
        settings: NodeSettings,
        apply: Callable[[Configuration], object] = lambda _: None,
        clock: Clock = wall_clock,
    ) -> AsyncGenerator[Watched]:
        watched = Watched()

        async def applied(configuration: Configuration) -> None:
            watched.applied.append(configuration)
            apply(configuration)

        async with open_node(replace(settings, on_notice=watched.notices.append), applied, clock=clock) as node:
            watched.node = node
            yield watched

    return opened


async def until(holds: Callable[[], object], within: float = 5.0) -> None:
    """Returns when the condition holds."""
    with trio.fail_after(within):
        while not holds():
            await trio.sleep(0.01)
