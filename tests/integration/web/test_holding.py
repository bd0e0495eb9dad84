"""Requests that wait for an event before they are answered."""

import pytest
import trio

from shared.web import holding
from shared.web.server import places
from tests.integration.web.served import Client, Server, running
from tests.integration.web.test_connections import used
from tests.integration.web.test_http_rules import get, post

WOKEN, OVER = b'{"is_over":false}', b'{"is_over":true}'


async def holding_client(server: Server, source: str = "127.0.0.1") -> Client:
    """A new connection whose request is held."""
    client, number = await server.connect(source), len(server.held)
    await client.send(get("/held?have=1&wait=5"))
    with trio.fail_after(5):
        while len(server.held) == number:
            await trio.sleep(0.001)
    return client


async def until_finished(server: Server, number: int) -> None:
    with trio.fail_after(5):
        while server.finished < number:
            await trio.sleep(0.001)


async def test_a_held_request_is_answered_when_it_is_woken(server: Server) -> None:
    client = await holding_client(server)
    assert server.seen[0].query == "have=1&wait=5"
    await trio.sleep(0.05)
    assert server.finished == 0
    server.held[0].wake()
    assert (await client.answer()).body == WOKEN
    await client.send(post())
    assert (await client.answer()).status == 200


async def test_draining_ends_held_requests_and_those_that_come_later_at_once(server: Server) -> None:
    client = await holding_client(server)
    server.drain.draining.set()
    answer = await client.answer()
    assert (answer.body, answer.headers["connection"]) == (OVER, "close")
    assert (await server.ask(get("/held"))).body == OVER


@pytest.mark.parametrize("has_reset", [False, True])
async def test_a_client_that_hangs_up_ends_its_held_request_and_frees_its_place(has_reset: bool) -> None:
    async with running("plain") as server:
        client = await holding_client(server)
        if has_reset:
            client.stream.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER of 0 s
        await client.stream.aclose()
        await until_finished(server, 1)
        assert server.held[0].is_over
        assert len(server.edge.holds) == 0


async def test_requests_behind_a_held_one_are_answered_after_it(server: Server) -> None:
    client = await holding_client(server)
    await client.send(post(body=b"[1]") + post(body=b"[2]"))
    await trio.sleep(0.05)
    assert server.finished == 0
    server.held[0].wake()
    assert [(await client.answer()).body for _ in range(3)] == [WOKEN, b"[1]", b"[2]"]


async def test_a_client_that_sends_on_and_on_does_not_fill_the_memory() -> None:
    async with running("plain") as server:
        client = await holding_client(server)
        with trio.move_on_after(0.5):
            for _ in range(1000):
                await client.send(b"x" * 100_000)
        assert server.finished == 0  # it is not watched any more
        server.held[0].wake()
        assert (await client.answer()).body == WOKEN


async def test_past_the_limit_a_request_is_not_held(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "MAX_HELD", 2)
    clients = [await holding_client(server) for _ in range(2)]
    answer = await server.ask(get("/held"))
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "service_unavailable", "10")
    server.held[0].wake()
    assert (await clients[0].answer()).body == WOKEN
    await holding_client(server)


async def test_held_requests_take_no_place_of_others_and_none_of_their_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_CONNECTIONS", 4)
    async with running("plain") as server:
        clients = [await holding_client(server) for _ in range(12)]
        for _ in range(6):
            assert (await (await used(server)).answer()).status == 200
        for hold in server.held:
            hold.wake()
        for client in clients:
            assert (await client.answer()).body == WOKEN
        for client in clients:  # the connection keeps its place between two polls
            await client.send(get("/held"))
        with trio.fail_after(5):
            while len(server.edge.holds) < 12:
                await trio.sleep(0.01)


async def test_idle_connections_whose_request_was_held_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "MAX_HELD", 4)
    async with running("plain") as server:
        idle = [await holding_client(server) for _ in range(4)]
        for hold in server.held:
            hold.wake()
        for client in idle:
            await client.answer()
        later = [await holding_client(server) for _ in range(4)]
        for client in idle:
            assert await client.is_closed_within(1)
        server.held[-1].wake()
        assert (await later[-1].answer()).body == WOKEN


async def test_a_hold_that_was_woken_before_it_waits_does_not_wait() -> None:
    with holding.Hold() as hold, trio.fail_after(1):
        hold.wake()
        hold.wake()
        await hold.wait(60)
        await hold.wait(0.01)
        assert not hold.is_over
        hold.end()
        for _ in range(2):
            await hold.wait(60)


async def test_a_hold_ends_in_time() -> None:
    with holding.Hold() as hold, trio.fail_after(1):
        await hold.wait(0.01)
        assert not hold.is_over
