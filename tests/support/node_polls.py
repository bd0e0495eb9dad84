"""Nodes that poll one time after the other, and a toll of the answers."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import trio

from contracts.node.names import CONFIG_PATH
from tests.support.nodes import Node


@dataclass
class PollToll:
    """The answers by status, and how long each took. `ended` counts connections that ended without an answer."""

    statuses: Counter[str] = field(default_factory=Counter[str])
    seconds: list[float] = field(default_factory=list[float])

    def __str__(self) -> str:
        if not self.seconds:
            return str(dict(self.statuses))
        low, high = min(self.seconds), max(self.seconds)
        return f"{dict(self.statuses)}, {low:.1f} to {high:.1f} s, median {statistics.median(self.seconds):.1f} s"


async def poll_all(nodes: Iterable[tuple[Node, int]], port: int, tolls: dict[int, PollToll]) -> None:
    """Each node polls with its `wait` until cancelled. `tolls` are by `wait`. Nodes begin one after the other."""
    async with trio.open_nursery() as nursery:
        for node, wait in nodes:
            nursery.start_soon(_poll_on, node, wait, port, tolls[wait])
            await trio.sleep(0.02)


async def _poll_on(node: Node, wait: int, port: int, toll: PollToll) -> None:
    while True:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            while await _poll(node, f"{CONFIG_PATH}?wait={wait}", stream, toll):
                pass


async def _poll(node: Node, target: str, stream: trio.SocketStream, toll: PollToll) -> bool:
    """Whether the connection goes on. After an early answer the node rests, as the library does."""
    begun = trio.current_time()
    try:
        await stream.send_all(_head(target, {"host": "nodes.example.com", **node.headers("GET", target)}.items()))
        answer = await stream.receive_some(65536)
    except trio.BrokenResourceError:
        answer = b""
    took = trio.current_time() - begun
    toll.statuses[answer.split()[1].decode() if answer else "ended"] += 1
    toll.seconds.append(took)
    if took < 1:
        await trio.sleep(0.2)
    return bool(answer) and b"\r\nconnection: close\r\n" not in answer.lower()


def _head(target: str, headers: Iterable[Sequence[str]]) -> bytes:
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()
