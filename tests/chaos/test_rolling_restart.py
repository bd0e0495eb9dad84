"""Both replicas of both services restart one after the other under load, and no request fails (SPEC §13.3)."""

import signal
import time
from collections.abc import Iterator

import pytest
import trio

from tests.support.balancer import Balancer, balancer
from tests.support.census import take_census
from tests.support.database import Database
from tests.support.load import under_load
from tests.support.node_polls import PollToll, poll_all
from tests.support.nodes import make_node
from tests.support.proxies import NODE_SAMPLES, program, proxy
from tests.support.servers import temporary_redis
from tests.support.stack import RunningStack, redis_users, wait_for
from tests.support.toll import Toll
from tests.support.trio_thread import on_a_trio_thread

DRAIN_DELAY = "500ms"
"""A delay longer than the interval of a balancer's checks."""


@pytest.fixture
def replicas(database: Database) -> Iterator[list[RunningStack]]:
    """Two replicas of each service, on one Postgres and one Redis."""
    with temporary_redis(persistent=True, users=redis_users()) as redis_server:
        stacks = [RunningStack(database, redis_server, {"AUTHSESSION_DRAIN_DELAY": DRAIN_DELAY}) for _ in range(2)]
        try:
            for stack in stacks:
                stack.start()
            yield stacks
        finally:
            for stack in stacks:
                stack.stop()


def test_a_rolling_restart_behind_a_balancer_fails_no_request(
    replicas: list[RunningStack], toll: Toll, rounds: int
) -> None:
    one, other = replicas
    public, internal = zip(one.ports, other.ports, strict=True)
    with balancer(*public) as public_side, balancer(*internal) as internal_side:
        wait_for(lambda: all_ready(public_side, internal_side))
        with under_load(public_side.port, internal_side.port, clients=4) as load:
            for _ in range(rounds):
                for stack in replicas:
                    load.wait_for_more(logins=5)
                    replace(stack)
                    wait_for(lambda: all_ready(public_side, internal_side))
            load.wait_for_more(logins=5)
    census = take_census(load, one.database, one.redis_server.port)
    toll("rolling restart of two replicas of each service", load, census, 0)
    assert census.is_clean, census
    assert load.statuses.keys() == {200}


@pytest.mark.parametrize("name", ["haproxy", "nginx"])
def test_a_rolling_restart_behind_the_sample_of_a_proxy_fails_no_request(
    replicas: list[RunningStack], toll: Toll, rounds: int, name: str
) -> None:
    program(name)
    one, other = replicas
    with proxy(name, one.ports[0], other.ports[0]) as port, balancer(one.ports[1], other.ports[1]) as internal_side:
        wait_for(lambda: all_ready(internal_side))
        with under_load(port, internal_side.port, clients=4) as load:
            for _ in range(rounds):
                for stack in replicas:
                    load.wait_for_more(logins=5)
                    replace(stack)
                    wait_for(lambda: all_ready(internal_side))
            load.wait_for_more(logins=5)
    census = take_census(load, one.database, one.redis_server.port)
    toll(f"rolling restart behind the sample for {name}", load, census, 0)
    assert census.is_clean, census
    assert load.statuses.keys() == {200}


@pytest.mark.parametrize("name", NODE_SAMPLES)
def test_a_rolling_restart_behind_the_sample_of_a_proxy_answers_every_poll(
    replicas: list[RunningStack], rounds: int, name: str
) -> None:
    """Held polls end at once, and the next ones go to the other process."""
    program(name)
    one, other = replicas
    nodes = [(make_node(one.database), 25) for _ in range(20)]
    tolls = {25: PollToll()}

    async def poll(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await poll_all(nodes, port, tolls)

    with proxy(name, one.ports[1], other.ports[1], NODE_SAMPLES) as port, on_a_trio_thread(poll):
        for _ in range(rounds):
            for stack in replicas:
                time.sleep(1)
                replace(stack)
        wait_for(lambda: sum(tolls[25].statuses.values()) >= len(nodes) * rounds)
    assert tolls[25].statuses.keys() == {"200"}


def replace(stack: RunningStack) -> None:
    """Sends SIGTERM to both processes. Each must end by itself with status 0; then another takes its place."""
    children = [stack.child(name) for name in stack.services]
    for child in children:
        child.ask(signal.SIGTERM)
    assert [child.wait(timeout=20) for child in children] == [0, 0]
    stack.start()


def all_ready(*sides: Balancer) -> bool:
    return all(all(side.ready.values()) for side in sides)
