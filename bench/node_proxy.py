"""Long polls of nodes through the sample of a proxy: `python -m bench.node_proxy nginx 600`.

Half of the nodes poll with `wait=25`, the others with `wait=50`. Nothing is activated, so each poll waits to its end.
Printed are how many answers of each status came, and how long they took.
"""

import statistics
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import trio

from bench.processes import cpu_seconds, resident_mebibytes
from contracts.node.names import CONFIG_PATH
from tests.support.database import Database, cloned_database, create_template
from tests.support.nodes import Node, make_node
from tests.support.proxies import NODE_SAMPLES, proxy
from tests.support.servers import temporary_postgres
from tests.support.stack import RunningStack, open_stack

NODES = 200
WAITS = (25, 50)


@dataclass
class Toll:
    """The answers to the polls of one `wait`."""

    statuses: Counter[str] = field(default_factory=Counter[str])
    seconds: list[float] = field(default_factory=list[float])

    def __str__(self) -> str:
        if not self.seconds:
            return str(dict(self.statuses))
        low, high = min(self.seconds), max(self.seconds)
        return f"{dict(self.statuses)}, {low:.1f} to {high:.1f} s, median {statistics.median(self.seconds):.1f} s"


async def poll_on(node: Node, wait: int, port: int, toll: Toll) -> None:
    """Polls one after the other, on one connection as long as the proxy keeps it. An end of it counts."""
    target = f"{CONFIG_PATH}?wait={wait}"
    while True:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            while True:
                begun = trio.current_time()
                head = {"host": "nodes.example.com", **node.headers("GET", target)}
                lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
                await stream.send_all("\r\n".join(lines).encode())
                answer = await stream.receive_some(65536)
                if not answer:
                    toll.statuses["ended"] += 1
                    break
                toll.statuses[answer.split()[1].decode()] += 1
                toll.seconds.append(trio.current_time() - begun)


async def poll_all(nodes: list[Node], port: int, seconds: float) -> Mapping[int, Toll]:
    """The tolls by `wait`. Nodes begin one after the other."""
    tolls = {wait: Toll() for wait in WAITS}
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + seconds
        for number, node in enumerate(nodes):
            wait = WAITS[number % len(WAITS)]
            nursery.start_soon(poll_on, node, wait, port, tolls[wait])
            await trio.sleep(0.02)
    return tolls


def measure(stack: RunningStack, database: Database, name: str, seconds: float) -> None:
    """Polls through that proxy, and prints the tolls with the cost of the internal process."""
    nodes = [make_node(database) for _ in range(NODES)]
    pid, port = stack.child("internal").pid, stack.ports[1]
    with proxy(name, port, port, NODE_SAMPLES) as proxy_port:
        before = cpu_seconds(pid)
        tolls = trio.run(partial(poll_all, nodes, proxy_port, seconds))
        used = cpu_seconds(pid) - before
    for wait, toll in tolls.items():
        print(f"{name}, wait={wait}: {toll}")
    print(f"internal process: {used / seconds:.1%} of a core, {resident_mebibytes(pid):.0f} MiB")


def main() -> None:
    name, seconds = sys.argv[1], float(sys.argv[2])
    with temporary_postgres() as server:
        template = create_template(server)
        with (
            cloned_database(server, template) as database,
            open_stack(database, AUTHSESSION_TRUSTED_PROXIES="127.0.0.1/32") as stack,
        ):
            measure(stack, database, name, seconds)


if __name__ == "__main__":
    main()
