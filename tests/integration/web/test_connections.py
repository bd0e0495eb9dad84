"""How connections live and end: keep-alive, hang-ups, slow clients, and going away."""

from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest
import trio

from shared.kernel.address import TcpAddress, UnixAddress
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import ConfigurationError
from shared.web.server import http_connection, places
from shared.web.server.http_connection import HttpConnection, Rules
from shared.web.server.serving import open_listener, serve
from tests.integration.web.served import Client, Server, running
from tests.integration.web.test_http_rules import get, post


async def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    client = await server.connect()
    for _ in range(3):
        await client.send(post())
        assert (await client.answer()).status == 200
    assert not await client.is_closed_within(0.2)


async def test_connection_close_closes_after_the_answer(server: Server) -> None:
    client = await server.connect()
    await client.send(post("/echo", b"{}", "Connection: close"))
    assert (await client.answer()).headers["connection"] == "close"
    assert await client.is_closed_within(1)


async def test_http_1_0_closes_after_the_answer(server: Server) -> None:
    client = await server.connect()
    await client.send(b"GET /things/1 HTTP/1.0\r\n\r\n")
    assert (await client.answer()).status == 200
    assert await client.is_closed_within(1)


async def test_an_idle_connection_is_closed_in_time() -> None:
    async with running(rules=Rules(keep_alive=timedelta(seconds=0.3))) as server:
        silent, used = await server.connect(), await server.connect()
        await used.send(post())
        await used.answer()
        assert await silent.is_closed_within(1.5)
        assert await used.is_closed_within(1.5)


async def test_a_head_that_drips_in_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 0.3)
    client = await server.connect()
    await client.send(b"GET /things/1 HTTP/1.1\r\n")
    with pytest.raises(trio.BrokenResourceError):  # noqa: PT012 - how many writes it takes is the system's
        for _ in range(100):
            await trio.sleep(0.05)
            await client.send(b"X: y\r\n")


async def test_a_body_that_does_not_come_is_refused_in_time(server: Server) -> None:
    client = await server.connect()
    await client.send(post(body=b"x" * 100)[:-50])
    answer = await client.answer()
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert await client.is_closed_within(3)
    assert server.seen == []


async def test_an_endless_body_does_not_hold_the_connection(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "LINGER_SECONDS", 0.3)
    client = await server.connect()
    await client.send(
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):  # noqa: PT012 - as above
        while True:
            await client.send(b"1\r\nx\r\n" * 1000)
    async with trio.open_nursery() as nursery:  # the server still serves
        nursery.start_soon(server.ask, post())


async def test_a_client_that_resets_amid_a_refusal_leaves_nothing_behind(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer waits for the client, the body goes on arriving, and then the write fails."""
    has_ended, run = trio.Event(), HttpConnection.run

    async def run_and_tell(connection: HttpConnection) -> None:
        await run(connection)
        has_ended.set()

    async def fail_late(connection: HttpConnection, _: bytes) -> None:
        await trio.sleep(0.2)
        connection.close()

    monkeypatch.setattr(HttpConnection, "run", run_and_tell)
    monkeypatch.setattr(HttpConnection, "write", fail_late)
    client = await server.connect()
    await client.send(
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\nx\r\n" * 30
    )
    await trio.sleep(0.1)
    await client.stream.aclose()
    with trio.fail_after(5):
        await has_ended.wait()


async def test_a_client_that_hangs_up_does_not_cancel_its_request(server: Server) -> None:
    client = await server.connect()
    await client.send(get("/slow", method="POST"))
    while not server.seen:
        await trio.sleep(0.01)
    await client.stream.aclose()
    await trio.sleep(0.1)
    server.release.set()
    with trio.fail_after(2):
        while not server.finished:
            await trio.sleep(0.01)


async def test_a_request_that_is_cut_off_never_runs(server: Server) -> None:
    client = await server.connect()
    await client.send(post(body=b"x" * 100)[:-50])
    await client.stream.aclose()
    await trio.sleep(0.2)
    assert server.seen == []
    assert (await server.ask(post())).status == 200


async def test_a_client_that_only_stops_sending_still_gets_its_answer(server: Server) -> None:
    client = await server.connect()
    await client.send(post())
    await client.stream.send_eof()
    assert (await client.answer()).status == 200


async def test_a_client_that_does_not_read_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "WRITE_SECONDS", 0.3)
    client = await server.connect()
    await client.send(get("/big"))
    await trio.sleep(0.8)
    received = 0
    with trio.fail_after(5):
        try:
            while data := await client.stream.receive_some():
                received += len(data)
        except trio.BrokenResourceError:
            pass
    assert received < 50_000_000


async def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    client = await server.connect()
    await client.send(b"".join(post(body=b"[%d]" % number) for number in range(20)))
    assert [(await client.answer()).body for _ in range(20)] == [b"[%d]" % number for number in range(20)]


async def test_while_draining_requests_are_taken_and_each_answer_closes_its_connection(server: Server) -> None:
    kept = await server.connect()
    await kept.send(post())
    assert "connection" not in (await kept.answer()).headers
    server.drain.draining.set()
    await kept.send(post())
    assert (await kept.answer()).headers["connection"] == "close"
    assert await kept.is_closed_within(1)
    for request in (post(), get("/things/1"), get("/nowhere")):
        assert (await server.ask(request)).headers["connection"] == "close"


async def test_stopping_finishes_what_runs_and_refuses_what_comes() -> None:
    for kind in ("plain", "quart"):
        async with running(kind) as server:
            idle, busy = await server.connect(), await server.connect()
            await busy.send(get("/slow", method="POST"))
            while not server.seen:
                await trio.sleep(0.01)
            server.drain.stop()
            assert await idle.is_closed_within(1)
            with pytest.raises(OSError, match="all attempts to connect"):
                await server.connect()
            server.release.set()
            assert (await busy.answer()).headers["connection"] == "close"


async def test_stopping_ends_in_time_even_if_a_request_does_not() -> None:
    async with running() as server:
        server.drain.shutdown_timeout *= 0.1
        client = await server.connect()
        await client.send(get("/slow", method="POST"))
        while not server.seen:
            await trio.sleep(0.01)
        server.drain.stop()
        with trio.fail_after(1.5):
            assert await client.is_closed_within(1)
        assert server.finished == 0


async def test_an_address_in_use_is_one_sentence(server: Server) -> None:
    with pytest.raises(ConfigurationError) as error:
        open_listener(TcpAddress("127.0.0.1", server.port))
    (problem,) = error.value.problems
    where, cure = problem.split(": ")
    assert where == f"cannot listen on 127.0.0.1:{server.port}"
    assert cure == "it is in use; stop the program that listens there or choose another address"


async def test_every_interface_means_ipv4_too(server: Server) -> None:
    listener, address = open_listener(TcpAddress("", 0))
    async with listener:
        assert isinstance(address, TcpAddress)
        stream = await trio.open_tcp_stream("127.0.0.1", address.port)
        await stream.aclose()


async def test_a_unix_socket_is_served_replaced_when_left_over_and_removed(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    for _ in range(2):
        async with running() as server, trio.open_nursery() as nursery:
            await nursery.start(partial(
                serve, server.app, UnixAddress(path), drain=server.drain, clock=SystemClock(), entropy=SystemEntropy()
            ))  # fmt: skip
            with pytest.raises(ConfigurationError, match="in use"):
                open_listener(UnixAddress(path))
            client = Client(await trio.open_unix_socket(path))  # pyright: ignore[reportArgumentType]
            await client.send(post())
            assert (await client.answer()).status == 200
            assert server.seen[0].client.address == "127.0.0.1"
            await client.stream.aclose()
            server.drain.stop()
        assert not await trio.Path(path).exists()
        left_over, _ = open_listener(UnixAddress(path))
        await left_over.aclose()


async def test_past_the_cap_clients_that_never_asked_make_room_then_those_silent_for_longest(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MAX_CONNECTIONS", 10)
    monkeypatch.setattr(places, "NETWORK_SHARE", 1)
    kept = [await used(server) for _ in range(3)]
    for client in kept:
        await client.answer()
    silent = [await server.connect() for _ in range(4)]
    dripping = [await server.connect() for _ in range(3)]
    for client in dripping:
        await client.send(b"GET /things/1 HTTP/1.1\r\n")
    await trio.sleep(0.1)
    for _ in range(8):
        assert (await (await used(server)).answer()).status == 200
    for client in (*silent, *dripping, kept[0]):
        assert await client.is_closed_within(1)
    for client in kept[1:]:
        await client.send(post())
        assert (await client.answer()).status == 200


async def test_past_the_cap_a_request_that_runs_is_never_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(places, "NETWORK_SHARE", 1)
    busy = [await server.connect() for _ in range(3)]
    for client in busy:
        await client.send(get("/slow", method="POST"))
    while len(server.seen) < 3:
        await trio.sleep(0.01)
    assert await (await server.connect()).is_closed_within(1)
    server.release.set()
    for client in busy:
        assert (await client.answer()).status == 200
    assert (await (await used(server)).answer()).status == 200


WAITING = {
    "half a head": b"POST /echo HTTP/1.1\r\n",
    "a head without its body": post(body=b"x" * 20)[:-20],
    "a head without its chunks": b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n",
    "an answer that is not read": get("/big"),
    "a refused body that goes on": post("/echo", b"x" * 20, content_type="text/plain")[:-20],
}


@pytest.mark.parametrize("waiting", WAITING)
async def test_a_place_that_waits_for_its_client_makes_room(
    server: Server, monkeypatch: pytest.MonkeyPatch, waiting: str
) -> None:
    monkeypatch.setattr(places, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(places, "NETWORK_SHARE", 1)
    attackers = [await server.connect() for _ in range(4)]
    for client in attackers:
        await client.send(WAITING[waiting])
    await trio.sleep(0.1)
    for _ in range(6):
        assert (await (await used(server)).answer()).status == 200


async def test_one_network_has_half_of_the_places_and_makes_room_among_its_own(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MAX_CONNECTIONS", 8)
    kept = await used(server)
    await kept.answer()
    strangers = [await server.connect(source="127.0.0.2") for _ in range(30)]
    for client in strangers[:-4]:
        assert await client.is_closed_within(1)
    await kept.send(post())
    assert (await kept.answer()).status == 200


async def test_the_network_with_the_most_places_makes_room_first(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MAX_CONNECTIONS", 6)
    honest = [await server.connect(source=f"127.0.0.{number}") for number in (3, 4)]  # silent for the longest time
    many = [await server.connect(source="127.0.0.2") for _ in range(3)]
    for _ in range(3):
        assert (await (await used(server)).answer()).status == 200
    for client in honest:
        await client.send(post())
        assert (await client.answer()).status == 200
    assert await many[0].is_closed_within(1)


async def test_trusted_proxies_have_no_bound_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_CONNECTIONS", 8)
    async with running(rules=Rules(trusted_proxies=(ip_network("127.0.0.0/8"),))) as server:
        clients = [await server.connect() for _ in range(8)]
        for client in clients:
            await client.send(post())
            assert (await client.answer()).status == 200


async def used(server: Server) -> Client:
    """A new connection that has asked for something."""
    client = await server.connect()
    await client.send(post())
    return client
