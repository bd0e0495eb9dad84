"""Two thousand clients that say nothing, on the running processes. The laws of the cap are in tests/integration/web."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from shared.serving import MOST_CONNECTIONS
from tests.support.census import take_census
from tests.support.load import under_load
from tests.support.stack import RunningStack, wait_for
from tests.support.toll import Toll

CLIENTS = 2000
SPARE = 100
"""Files of the process that are no client's."""


@contextmanager
def idle_clients(port: int, saying: bytes) -> Iterator[None]:
    """Each on a connection of its own, kept open."""
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            client.sendall(saying)
        yield


@pytest.mark.parametrize("saying", [b"", b"POST /api/v1/public/auth/send-email-code HTTP/1.1\r\nHost:"])
def test_two_thousand_idle_connections_cost_bounded_files_and_no_login(
    running_stack: RunningStack, toll: Toll, saying: bytes
) -> None:
    public = psutil.Process(running_stack.child("public").pid)
    before = public.memory_info().rss
    with under_load(*running_stack.ports) as load, idle_clients(running_stack.ports[0], saying):
        healed = load.seconds_to_heal(since=time.monotonic())
        load.wait_for_more(logins=10)
        assert public.num_fds() < MOST_CONNECTIONS + SPARE
        assert public.memory_info().rss - before < 128 * 1024 * 1024
    census = take_census(load, running_stack.database, running_stack.redis_server.port)
    toll(f"2,000 idle connections, {'half a head each' if saying else 'silent'}", load, census, healed)
    assert census.is_clean, census
    assert load.statuses.keys() == {200}  # those who ask are not the ones who make room
    wait_for(lambda: public.num_fds() < SPARE)
