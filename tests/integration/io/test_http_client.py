"""The HTTP client against a real server: what the suites of those who use it do not try."""

import gc
import warnings
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
import trio
import trio.testing

from shared.io.http_answer import MAX_BODY_BYTES
from shared.io.http_client import Answer, Failure, HttpClient, NoAnswer, open_http_client
from tests.support.user_service import UserServicePeer, user_service_peer

PATH = "/api/v1/internal/users/user-1/exists"
PATIENT = timedelta(seconds=5)


@pytest.fixture
def peer() -> Iterator[UserServicePeer]:
    with user_service_peer() as running:
        yield running


async def test_no_storm_of_deadlines_uses_the_client_up(peer: UserServicePeer) -> None:
    """Calls cancelled at any point, and while they wait for others, leave the client as able as it was."""

    async def call_until_cancelled(client: HttpClient) -> None:
        while True:
            await client.call("GET", PATH, timeout=PATIENT)

    async with open_http_client(peer.url, concurrency=4) as client:
        for number in range(30):
            with trio.move_on_after(0.005 + number / 2000):
                async with trio.open_nursery() as nursery:
                    for _ in range(20):
                        nursery.start_soon(call_until_cancelled, client)
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(_call_once, client)


async def test_waiting_for_other_calls_counts_as_time(peer: UserServicePeer) -> None:
    async with open_http_client(peer.url, concurrency=1) as client, trio.open_nursery() as nursery:
        peer.fault = "stall"
        nursery.start_soon(_ends_in_timeout, client, timedelta(seconds=0.5))
        await trio.testing.wait_all_tasks_blocked(0.05)
        await _ends_in_timeout(client, timedelta(seconds=0.1))


async def test_a_refused_connection_is_said_to_be_one(peer: UserServicePeer) -> None:
    peer.stop()
    async with open_http_client(peer.url) as client:
        with pytest.raises(NoAnswer) as refused:
            await client.call("GET", PATH, timeout=PATIENT)
    assert refused.value.failure == "connect"


@pytest.mark.parametrize(("promised", "failure"), [(2 * MAX_BODY_BYTES, "too_large"), (MAX_BODY_BYTES, "timeout")])
async def test_an_answer_that_is_not_read_to_its_end_leaves_no_stream_behind(promised: int, failure: Failure) -> None:
    """A body that nobody finished would be closed by the garbage collector, which says so in a ResourceWarning."""

    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % promised)
        await stream.send_all(bytes(MAX_BODY_BYTES - 1))
        await trio.sleep_forever()

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with trio.open_nursery() as nursery:
            (listener,) = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
            port = listener.socket.getsockname()[1]
            async with open_http_client(f"http://127.0.0.1:{port}") as client:
                with pytest.raises(NoAnswer) as refused:
                    await client.call("GET", PATH, timeout=timedelta(seconds=0.5))
                gc.collect()
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert refused.value.failure == failure
    assert [str(each.message) for each in warned] == []


async def _call_once(client: HttpClient) -> None:
    assert await client.call("GET", PATH, timeout=PATIENT) == Answer(200, b'{"exists": false}')


async def _ends_in_timeout(client: HttpClient, timeout: timedelta) -> None:
    with pytest.raises(NoAnswer) as refused:
        await client.call("GET", PATH, timeout=timeout)
    assert refused.value.failure == "timeout"
