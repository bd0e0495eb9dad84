"""A route may accept other bodies than JSON of 16 KiB; large ones share a limited memory."""

import gzip
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import trio

from shared.web.body_memory import BodyMemory
from tests.integration.web.served import Client, Server, running
from tests.integration.web.test_connections import used
from tests.integration.web.test_http_rules import get, post

PROTOBUF = "application/x-protobuf"
MIB = 1024 * 1024


@pytest.fixture(params=["plain", "quart"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """It is patient with slow bodies, however busy the machine is."""
    async with running(request.param, body_timeout=timedelta(seconds=30)) as server:
        yield server


@pytest.fixture
def memory(server: Server) -> BodyMemory:
    return server.edge.body_memory


def large(size: int, *lines: str, content_type: str | None = PROTOBUF) -> bytes:
    return post("/large", b"x" * size, *lines, content_type=content_type)


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, MIB])
async def test_a_body_up_to_the_limit_of_its_route_is_taken(server: Server, memory: BodyMemory, size: int) -> None:
    assert (await server.ask(large(size))).status == 200
    assert len(server.seen[0].body) == size
    assert memory.used == 0


async def test_a_byte_more_is_413_before_the_body_comes(server: Server) -> None:
    client = await server.connect()
    await client.send(large(MIB + 1)[: -MIB - 1])
    assert (await client.answer()).code == "request_too_large"
    assert server.seen == []


async def test_the_limit_holds_for_chunks_too(server: Server, memory: BodyMemory) -> None:
    head = get("/large", f"Content-Type: {PROTOBUF}", "Transfer-Encoding: chunked", method="POST")
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    assert (await server.ask(head + chunk * 16 + b"0\r\n\r\n")).status == 200
    assert (await server.ask(head + chunk * 16 + b"1\r\nx\r\n")).status == 413
    assert [len(request.body) for request in server.seen] == [MIB]
    assert memory.used == 0


@pytest.mark.parametrize("content_type", [PROTOBUF, "Application/X-Protobuf", "application/json; charset=utf-8"])
async def test_a_media_type_of_the_route_is_taken(server: Server, content_type: str) -> None:
    assert (await server.ask(large(3, content_type=content_type))).status == 200


@pytest.mark.parametrize("content_type", [None, "text/plain", f"{PROTOBUF}; x=y", f"{PROTOBUF}, {PROTOBUF}"])
async def test_another_media_type_is_415(server: Server, content_type: str | None) -> None:
    answer = await server.ask(large(3, content_type=content_type))
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert b"application/x-protobuf or application/json, in UTF-8" in answer.body


async def test_gzip_reaches_the_endpoint_as_it_came(server: Server) -> None:
    packed = gzip.compress(b"x" * 100)
    assert (await server.ask(post("/large", packed, "Content-Encoding: GZip"))).body == packed
    for encoding in ("br", "gzip, gzip", "deflate", ""):
        assert (await server.ask(post("/large", packed, f"Content-Encoding: {encoding}"))).status == 415


async def sending(server: Server, size: int, source: str = "127.0.0.1") -> Client:
    """A client that sends `size` bytes of a body of 1 MiB and then waits."""
    client = await server.connect(source)
    await client.send(large(MIB)[: size - MIB])
    return client


async def until_used(memory: BodyMemory, size: int) -> None:
    with trio.fail_after(5):
        while memory.used != size:
            await trio.sleep(0.001)


async def test_bodies_past_the_shared_memory_are_503_and_small_ones_still_served(
    server: Server, memory: BodyMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_max_bytes", 1_000_000)
    first = await sending(server, 300_000, "127.0.0.2")
    second = await sending(server, 400_000, "127.0.0.3")
    await until_used(memory, 700_000)
    answer = await server.ask(large(400_000))
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "service_unavailable", "1")
    assert (await server.ask(large(16_384))).status == 200
    assert (await server.ask(large(200_000))).status == 200
    await until_used(memory, 700_000)
    await first.stream.aclose()
    await until_used(memory, 400_000)
    await second.stream.aclose()
    await until_used(memory, 0)


async def test_a_large_body_that_does_not_come_gives_its_memory_back() -> None:
    async with running() as server:
        client = await sending(server, 300_000)
        assert (await client.answer()).code == "invalid_request"
        await until_used(server.edge.body_memory, 0)


async def test_a_network_cannot_take_the_memory_of_others(
    server: Server, memory: BodyMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_max_bytes", 1_000_000)
    await sending(server, 450_000, "127.0.0.2")
    await until_used(memory, 450_000)
    client = await server.connect("127.0.0.2")
    await client.send(large(100_000))
    assert (await client.answer()).status == 503
    assert (await server.ask(large(100_000))).status == 200


async def test_an_unpacked_body_counts_until_its_request_is_answered(
    server: Server, memory: BodyMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_max_bytes", 5_000_000)
    request = post("/unpacked", gzip.compress(bytes(MIB)), "Content-Encoding: gzip")
    clients = [await server.connect() for _ in range(2)]
    for client in clients:
        await client.send(request)
    await until_used(memory, 2 * MIB)
    assert (await server.ask(request)).status == 503
    server.release.set()
    for client in clients:
        assert (await client.answer()).body == b"%d" % MIB
    assert memory.used == 0


async def test_a_large_body_of_a_route_without_a_rule_is_413(server: Server) -> None:
    assert (await server.ask(get("/things/1", "Content-Length: 16385") + b"x" * 16_385)).status == 413


async def test_the_next_request_follows_a_large_body(server: Server) -> None:
    client = await used(server)
    await client.answer()
    for size in (100_000, 5, 20_000):
        await client.send(large(size))
        assert len((await client.answer()).body) == size
