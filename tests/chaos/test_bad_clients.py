"""Silent clients, and clients that stop half-way or hang up, beside well-behaved clients of the running processes.

The laws of one connection, and of the cap on connections, are in tests/integration/web.
"""

import socket
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress

import psutil
import pytest

from shared.web.server.places import MAX_CONNECTIONS
from tests.support.builders import email_address
from tests.support.census import take_census
from tests.support.load import under_load
from tests.support.stack import RunningStack, wait_for
from tests.support.toll import Toll

IDLE_CLIENTS = 2000
SPARE_FILES = 100
"""Open files of the process that belong to no client."""
SPARE_MEMORY = 128 * 1024 * 1024
HALF_A_HEAD = b"POST /api/v1/public/auth/send-email-code HTTP/1.1\r\nHost:"


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def whole_request() -> bytes:
    body = b'{"email":"%s"}' % email_address().encode()
    head = b"%s x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (HALF_A_HEAD, len(body)) + body


@contextmanager
def idle_clients(port: int, saying: bytes) -> Generator[None]:
    """Idle clients, each with its own open connection."""
    with ExitStack() as stack:
        for _ in range(IDLE_CLIENTS):
            client = stack.enter_context(connected(port))
            client.sendall(saying)
        yield


@contextmanager
def rude_clients(port: int) -> Generator[None]:
    """Clients that hang up one after the other: within the head, within the body, and before the answer."""
    enough = threading.Event()

    def be_rude() -> None:
        while not enough.wait(0.03):
            for length in (40, -5, None):
                with suppress(OSError), connected(port) as client:
                    client.sendall(whole_request()[:length])

    thread = threading.Thread(target=be_rude)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@pytest.mark.parametrize("saying", [b"", HALF_A_HEAD], ids=["silent", "half a head"])
def test_two_thousand_idle_connections_cost_bounded_files_and_no_login(
    running_stack: RunningStack, toll: Toll, saying: bytes
) -> None:
    public = psutil.Process(running_stack.child("public").pid)
    before = public.memory_info().rss
    with under_load(*running_stack.ports) as load, idle_clients(running_stack.ports[0], saying):
        healed = load.seconds_to_heal(since=time.monotonic())
        load.wait_for_more(logins=5)
        assert public.num_fds() < MAX_CONNECTIONS + SPARE_FILES
        assert public.memory_info().rss - before < SPARE_MEMORY
    census = take_census(load, running_stack.database, running_stack.redis_server.port)
    toll(f"2,000 idle connections, {'half a head each' if saying else 'silent'}", load, census, healed)
    assert census.is_clean, census
    assert load.statuses.keys() == {200}  # clients with requests are not the ones that lose their places
    wait_for(lambda: public.num_fds() < SPARE_FILES)


def test_clients_that_hang_up_at_any_point_cost_nobody_else_an_answer(running_stack: RunningStack, toll: Toll) -> None:
    public = psutil.Process(running_stack.child("public").pid)
    with under_load(*running_stack.ports) as load, rude_clients(running_stack.ports[0]):
        healed = load.seconds_to_heal(since=time.monotonic())
        load.wait_for_more(logins=5)
    census = take_census(load, running_stack.database, running_stack.redis_server.port)
    toll("clients that hang up within head, body and answer", load, census, healed)
    assert census.is_clean, census
    assert load.statuses.keys() == {200}
    wait_for(lambda: public.num_fds() < SPARE_FILES)
