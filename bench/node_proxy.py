"""Long polls of nodes through the sample of a proxy: `python -m bench.node_proxy nginx 600`.

Half of the nodes poll with `wait=25`, the others with `wait=50`. Nothing is activated, so each poll waits to its end.
Printed are how many answers of each status came, and how long they took.
"""

import sys

import trio

from bench.processes import cpu_seconds, resident_mebibytes
from tests.support.database import Database, cloned_database, create_template
from tests.support.node_polls import PollToll, poll_all
from tests.support.nodes import make_node
from tests.support.proxies import NODE_SAMPLES, proxy
from tests.support.servers import temporary_postgres
from tests.support.stack import RunningStack, open_stack

NODES = 200
WAITS = (25, 50)


def measure(stack: RunningStack, database: Database, name: str, seconds: float) -> None:
    """Polls through that proxy, and prints the tolls with the cost of the internal process."""
    nodes = [(make_node(database), WAITS[number % len(WAITS)]) for number in range(NODES)]
    tolls = {wait: PollToll() for wait in WAITS}

    async def poll(port: int) -> None:
        with trio.move_on_after(seconds):
            await poll_all(nodes, port, tolls)

    pid, port = stack.child("internal").pid, stack.ports[1]
    with proxy(name, port, port, NODE_SAMPLES) as proxy_port:
        before = cpu_seconds(pid)
        trio.run(poll, proxy_port)
        used = cpu_seconds(pid) - before
    for wait, toll in tolls.items():
        print(f"{name}, wait={wait}: {toll}")
    print(f"internal process: {used / seconds:.1%} of a core, {resident_mebibytes(pid):.0f} MiB")


def main() -> None:
    name, seconds = sys.argv[1], float(sys.argv[2])
    with temporary_postgres(durable=True) as server:
        template = create_template(server)
        with (
            cloned_database(server, template) as database,
            open_stack(database, AUTHSESSION_TRUSTED_PROXIES="127.0.0.1/32") as stack,
        ):
            measure(stack, database, name, seconds)


if __name__ == "__main__":
    main()
